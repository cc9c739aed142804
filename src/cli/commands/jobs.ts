import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isUrl } from '../../checkpoints/index.js';
import type { JobControl } from '../control/control-client.js';
import { JobDirectory, type JobEntry } from '../control/directory.js';
import { reachJob } from '../control/reach-job.js';
import { readEnvironment } from '../environment.js';
import type { JobStatus } from '../../stream/engine.js';
import type { CommandIo } from '../program.js';
import { formatBytes, formatDuration, formatHeading, formatHighlights, formatOperators } from '../view/format.js';
import { collectCounts } from './parse.js';

interface JsonFlag {
  readonly json?: true;
}

/** The commands that reach a running job: status, scale, stop, cancel. */
export function addJobCommands(program: Command, io: CommandIo): void {
  const directory = (): JobDirectory => new JobDirectory(readEnvironment().runtimeDir);
  const reach = (entry: JobEntry): JobControl => reachJob(entry, directory());
  const print = (json: boolean, value: unknown, lines: readonly string[]): void => {
    io.stdout.write(json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  };

  program
    .command('status')
    .description('show running jobs, or one job in full')
    .argument('[job]', 'name or id')
    .option('--json', 'JSON')
    .action(async (nameOrId: string | undefined, { json }: JsonFlag) => {
      const entries = nameOrId === undefined ? directory().list() : [directory().find(nameOrId)];
      const statuses = await Promise.all(entries.map((entry) => reach(entry).status()));
      const width = Math.max(60, io.stdout.columns || 100);
      const lines = statuses.flatMap((status, i) => [...statusLines(status, entries[i]!, width), '']);
      print(json === true, nameOrId === undefined ? statuses : statuses[0], lines.length === 0 ? ['no job is running'] : lines.slice(0, -1));
    });

  program
    .command('scale')
    .description('change the parallelism of a role or operator of a running job, e.g. millrace scale worker=4')
    .argument('<name=n...>', 'role or operator uid, and its new parallelism')
    .option('-j, --job <job>', 'name or id; not needed where one job runs')
    .option('--json', 'JSON')
    .action(async (pairs: string[], { job, json }: JsonFlag & { readonly job?: string }) => {
      const targets = pairs.reduce<Readonly<Record<string, number>>>((before, pair) => collectCounts(pair, before), {});
      const entry = directory().find(job);
      const client = reach(entry);
      for (const [target, parallelism] of Object.entries(targets)) {
        const startedMs = performance.now();
        await client.scale(target, parallelism);
        const tookMs = Math.round(performance.now() - startedMs);
        print(json === true, { job: entry.name, id: entry.id, target, parallelism, tookMs }, [
          `${entry.name}: ${target} now has ${parallelism} subtasks (${formatDuration(tookMs)})`,
        ]);
      }
    });

  program
    .command('stop')
    .description('drain a running job: sources stop, what was read is processed, sinks commit')
    .argument('[job]', 'name or id; not needed where one job runs')
    .option('--savepoint', 'do not drain: take a savepoint and end, so that a run with --restore goes on as if nothing had happened')
    .option('--to <dir>', "with --savepoint: where (default: with the job's checkpoints)")
    .option('--json', 'JSON')
    .action(async (nameOrId: string | undefined, { json, savepoint, to }: JsonFlag & { readonly savepoint?: true; readonly to?: string }) => {
      const client = reach(directory().find(nameOrId));
      const summary = await (savepoint === true ? client.suspend(absolute(to)) : client.stop());
      const at = savepoint === true ? summary.checkpoints.last?.location : undefined;
      print(json === true, summary, [
        `${summary.name} ${summary.state} after ${formatDuration(summary.durationMs)}`,
        ...(at === undefined ? [] : [`go on with: millrace run <job> --restore ${at}`]),
      ]);
    });

  program
    .command('savepoint')
    .description('take a savepoint of a running job, which goes on')
    .argument('[job]', 'name or id; not needed where one job runs')
    .option('--to <dir>', "where (default: with the job's checkpoints)")
    .option('--json', 'JSON')
    .action(async (nameOrId: string | undefined, { json, to }: JsonFlag & { readonly to?: string }) => {
      const info = await reach(directory().find(nameOrId)).savepoint(absolute(to));
      print(json === true, info, [`${info.location}  ${formatBytes(info.bytes)} in ${Math.round(info.writeMs)} ms`]);
    });

  program
    .command('cancel')
    .description('end a running job at once')
    .argument('[job]', 'name or id; not needed where one job runs')
    .option('--json', 'JSON')
    .action(async (nameOrId: string | undefined, { json }: JsonFlag) => {
      const entry = directory().find(nameOrId);
      await reach(entry).cancel();
      print(json === true, { job: entry.name, id: entry.id, state: 'cancelled' }, [`${entry.name} cancelled`]);
    });
}

function statusLines(status: JobStatus, { metricsUrl, flink }: JobEntry, width: number): string[] {
  const { operators, error } = status;
  return [
    formatHeading(status, Date.now()),
    ...formatOperators(operators, width),
    ...formatHighlights(operators),
    ...(error === undefined ? [] : [`${error.code} ${error.message}`]),
    ...(metricsUrl === undefined ? [] : [`metrics ${metricsUrl}`]),
    ...(flink === undefined ? [] : [`Flink job ${flink.flinkId}`]),
  ];
}

/** The job may run in another directory. */
function absolute(path: string | undefined): string | undefined {
  return path === undefined || isUrl(path) ? path : resolve(path);
}
