import { dirname } from 'node:path';
import type { Command } from 'commander';
import { readEnvironment } from '../environment.js';
import type { CommandIo } from '../program.js';
import { setupProgress } from '../view/setup-progress.js';

export function addSetupCommand(program: Command, io: CommandIo): void {
  program
    .command('setup')
    .description('fetch the native TensorFlow library, compile its binding and build the bridge to Apache Flink (cached; seconds when done already)')
    .option('--json', 'JSON')
    .action(async ({ json }: { readonly json?: true }) => {
      const { setupTensorFlow } = await import('../../tensorflow/index.js');
      const { cacheDir, libraryDir } = readEnvironment();
      const result = await setupTensorFlow({ cacheDir, ...(libraryDir === undefined ? {} : { libraryDir }), progress: setupProgress(io.stderr) });
      const { setupBridge } = await import('../../engines/flink/index.js');
      // Only who uses Flink needs its bridge: what is missing for it is no failure of the set-up.
      const flink = await setupBridge(cacheDir);
      if (json === true) io.stdout.write(`${JSON.stringify({ ...result, flink })}\n`);
      else
        io.stdout.write(
          `TensorFlow is ready${result.changed ? '' : ' (nothing to do)'}: ${dirname(result.library.cc)}\n` +
            ('missing' in flink
              ? `--engine flink cannot be used: ${flink.missing}\n`
              : `The bridge to Flink is ready${flink.changed ? '' : ' (nothing to do)'}: ${flink.path}\n`),
        );
    });
}
