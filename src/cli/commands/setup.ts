import { dirname } from 'node:path';
import type { Command } from 'commander';
import { readEnvironment } from '../environment.js';
import type { CommandIo } from '../program.js';
import { setupProgress } from '../view/setup-progress.js';

export function addSetupCommand(program: Command, io: CommandIo): void {
  program
    .command('setup')
    .description('fetch the native TensorFlow library and compile its binding (cached; seconds when done already)')
    .option('--json', 'JSON')
    .action(async ({ json }: { readonly json?: true }) => {
      const { setupTensorFlow } = await import('../../tensorflow/index.js');
      const { cacheDir, libraryDir } = readEnvironment();
      const result = await setupTensorFlow({ cacheDir, ...(libraryDir === undefined ? {} : { libraryDir }), progress: setupProgress(io.stderr) });
      io.stdout.write(
        json === true ? `${JSON.stringify(result)}\n` : `TensorFlow is ready${result.changed ? '' : ' (nothing to do)'}: ${dirname(result.library.cc)}\n`,
      );
    });
}
