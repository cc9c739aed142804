import { createReadStream, existsSync, readdirSync, statSync, watch } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { isMillraceError, MillraceError } from '../../core/index.js';
import { isAttended, JobDirectory, type JobEntry } from '../control/directory.js';
import { readEnvironment, type CliEnvironment } from '../environment.js';
import type { CommandIo } from '../program.js';
import { logLine } from '../view/plain-view.js';

interface LogFlags {
  readonly follow?: true;
  readonly json?: true;
}

export function addLogsCommand(program: Command, io: CommandIo): void {
  program
    .command('logs')
    .description('print the log of a running job, or of the last run of a job that has ended')
    .argument('[job]', 'name or id; not needed where one job runs')
    .option('-f, --follow', 'go on printing until the job ends or Ctrl-C')
    .option('--json', 'the lines as they are in the file')
    .action(async (nameOrId: string | undefined, { follow, json }: LogFlags) => {
      const environment = readEnvironment();
      const directory = new JobDirectory(environment.runtimeDir);
      const entry = findEntry(directory, nameOrId);
      if (entry?.flink !== undefined && !isAttended(entry)) {
        const { printFlinkLogs } = await import('../flink-logs.js');
        await printFlinkLogs(entry.flink, (text) => io.stdout.write(text), follow === true);
        return;
      }
      const path = findLog(environment, nameOrId);
      const isRunning = (): boolean => directory.list().some((entry) => entry.logFile === path);
      await printLog(path, io, json === true, follow === true ? isRunning : () => false);
    });
}

/** undefined where only a log is left of the job. */
function findEntry(directory: JobDirectory, nameOrId: string | undefined): JobEntry | undefined {
  try {
    return directory.find(nameOrId);
  } catch {
    return undefined;
  }
}

function findLog({ runtimeDir, stateDir }: CliEnvironment, nameOrId: string | undefined): string {
  let problem: MillraceError;
  try {
    return new JobDirectory(runtimeDir).find(nameOrId).logFile;
  } catch (thrown) {
    if (!isMillraceError(thrown) || nameOrId === undefined) throw thrown;
    problem = thrown;
  }
  const directory = join(stateDir, 'logs');
  const ended = existsSync(directory) ? readdirSync(directory).filter((file) => file.startsWith(`${nameOrId}-`) || file.endsWith(`-${nameOrId}.log`)) : [];
  const newest = ended.map((file) => join(directory, file)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
  if (newest === undefined) throw new MillraceError('JOB_NOT_FOUND', `${problem.message}; and no earlier run of that name has left a log in ${directory}`);
  return newest;
}

const pollMs = 500;

async function printLog(path: string, io: CommandIo, json: boolean, mayGrow: () => boolean): Promise<void> {
  let position = 0;
  for (;;) {
    const goesOn = mayGrow();
    const size = statSync(path).size;
    if (size > position) {
      const lines = createInterface({ input: createReadStream(path, { start: position, end: size - 1 }), crlfDelay: Infinity });
      for await (const line of lines) io.stdout.write(`${json ? line : formatLine(line)}\n`);
      position = size;
    } else if (!goesOn) return;
    if (goesOn) await changed(path);
  }
}

/** Until the file changes, at most a moment: a watcher may miss the last write of a process that ends. */
async function changed(path: string): Promise<void> {
  const watcher = watch(path);
  const timer = setTimeout(() => watcher.emit('change'), pollMs);
  await once(watcher, 'change');
  clearTimeout(timer);
  watcher.close();
}

function formatLine(line: string): string {
  try {
    const { time, level, msg, ...fields } = JSON.parse(line) as { time: string; level: 'debug' | 'info' | 'warn' | 'error'; msg: string };
    return `${time} ${logLine({ timeMs: 0, level, message: msg, fields })}`;
  } catch {
    return line;
  }
}
