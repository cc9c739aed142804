import type { Command } from 'commander';
import pc from 'picocolors';
import { MillraceError } from '../../core/index.js';
import { readEnvironment } from '../environment.js';
import { markShown, type CommandIo } from '../program.js';

export function addDoctorCommand(program: Command, io: CommandIo): void {
  program
    .command('doctor')
    .description('check Node, the native library, its binding, memory and ports, and say how to mend what fails')
    .option('--json', 'JSON')
    .action(async ({ json }: { readonly json?: true }) => {
      const { checkInstallation } = await import('../../tensorflow/index.js');
      const { checkHost } = await import('../host-checks.js');
      const environment = readEnvironment();
      const checks = [...(await checkInstallation()), ...(await checkHost(environment))];
      const failed = checks.filter((check) => !check.ok);
      if (json === true) io.stdout.write(`${JSON.stringify({ ok: failed.length === 0, checks })}\n`);
      else
        for (const { name, ok, detail, fix } of checks) {
          io.stdout.write(`${ok ? pc.green('ok  ') : pc.red('FAIL')} ${name.padEnd(18)} ${detail}\n`);
          if (!ok && fix !== undefined) io.stdout.write(`     ${pc.yellow('fix')} ${fix}\n`);
        }
      if (failed.length > 0) throw markShown(new MillraceError('SETUP_NEEDED', `${failed.length} of ${checks.length} checks failed`));
    });
}
