import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { encodeError, errorCodes, MillraceError } from '../core/index.js';
import { addCheckpointCommands } from './commands/checkpoints.js';
import { addDeadLettersCommand } from './commands/dead-letters.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addExplainCommand } from './commands/explain.js';
import { addExportCommand } from './commands/export.js';
import { addFlinkJarCommand } from './commands/flink-jar.js';
import { addJobCommands } from './commands/jobs.js';
import { addLogsCommand } from './commands/logs.js';
import { addRunCommand } from './commands/run.js';
import { addSetupCommand } from './commands/setup.js';
import { formatError } from './view/format-error.js';

/** What every command gets: where to write, and how it ends. */
export interface CommandIo {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Builds the command line; commands throw, and {@link runProgram} turns what they throw into an exit code. */
export function createProgram(io: CommandIo): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  const program = new Command('millrace')
    .description('Train and serve TensorFlow.js models on streams')
    .version(version)
    .showHelpAfterError('(see millrace --help)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
  addRunCommand(program, io);
  addExplainCommand(program, io);
  addExportCommand(program, io);
  addFlinkJarCommand(program, io);
  addJobCommands(program, io);
  addCheckpointCommands(program, io);
  addLogsCommand(program, io);
  addDeadLettersCommand(program, io);
  addDoctorCommand(program, io);
  addSetupCommand(program, io);
  // exitOverride is not inherited by commands that exist already.
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** Runs one command line and returns its exit code; never throws. */
export async function runProgram(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    await createProgram(io).parseAsync(argv, { from: 'user' });
    return 0;
  } catch (thrown) {
    // Commander has printed its message (help, version, usage errors) already.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : errorCodes.OPTION_INVALID.exit;
    const error = MillraceError.from(thrown);
    if (!isShown(error)) {
      if (argv.includes('--json')) io.stdout.write(`${JSON.stringify({ error: encodeError(error) })}\n`);
      else io.stderr.write(formatError(error));
    }
    return errorCodes[error.code].exit;
  }
}

const shown = new WeakSet<MillraceError>();

/** Says that a view has printed this error, so that it is not printed twice. */
export function markShown(error: MillraceError): MillraceError {
  shown.add(error);
  return error;
}

function isShown(error: MillraceError): boolean {
  return shown.has(error);
}
