import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CheckpointName, CheckpointStorage } from '../../checkpoints/index.js';
import { MillraceError } from '../../core/index.js';
import { jobPlace, checkpointRoot } from '../checkpoint-place.js';
import { readEnvironment } from '../environment.js';
import { markShown, type CommandIo } from '../program.js';
import { formatBytes } from '../view/format.js';

interface Flags {
  readonly checkpointDir?: string;
  readonly json?: true;
}

/** Looks at stored checkpoints; no job has to run. */
export function addCheckpointCommands(program: Command, io: CommandIo): void {
  const checkpoints = program.command('checkpoints').description('list, show and verify stored checkpoints');
  const print = (json: boolean, value: unknown, lines: readonly string[]): void => {
    io.stdout.write(json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  };
  const withFlags = (command: Command): Command =>
    command.option('--checkpoint-dir <dir>', 'where checkpoints of all jobs lie (default: as for run)').option('--json', 'JSON').exitOverride();

  withFlags(checkpoints.command('list'))
    .description('list checkpoints of a job, newest first')
    .argument('<job>', 'name of a job, or a folder with checkpoints')
    .action(async (what: string, { checkpointDir, json }: Flags) => {
      const { found } = await find(what, checkpointDir);
      const { readManifest } = await import('../../checkpoints/index.js');
      const rows = await Promise.all(
        found.map(async ({ storage, name, number, kind, lineage }) => {
          const manifest = await readManifest(storage, name).catch((thrown: unknown) => MillraceError.from(thrown));
          const facts = { name, number, kind, lineage, location: storage.locate(name) };
          return manifest instanceof MillraceError
            ? { ...facts, problem: manifest.message }
            : { ...facts, takenAtMs: manifest.takenAtMs, bytes: manifest.stateBytes };
        }),
      );
      print(
        json === true,
        rows,
        rows.map((row) => `${row.name}  ${'problem' in row ? row.problem : `${new Date(row.takenAtMs).toISOString()}  ${formatBytes(row.bytes)}`}`),
      );
    });

  withFlags(checkpoints.command('show'))
    .description('show what a checkpoint holds, operator by operator')
    .argument('<checkpoint>', 'folder of a checkpoint, or name of a job for its newest')
    .action(async (what: string, { checkpointDir, json }: Flags) => {
      const { found } = await find(what, checkpointDir);
      const { readManifest } = await import('../../checkpoints/index.js');
      const { storage, name } = found[0]!;
      const manifest = await readManifest(storage, name);
      const { job, kind, number, lineage, takenAtMs, stateBytes, keyGroups, bundle, params, writtenBy, operators } = manifest;
      print(json === true, { ...manifest, location: storage.locate(name) }, [
        `${kind} ${number} of job ${job.name} (${job.id}, lineage ${lineage}), ${new Date(takenAtMs).toISOString()}, ${formatBytes(stateBytes)}`,
        `written by ${writtenBy}; bundle ${bundle.slice(0, 16)}; ${keyGroups} key groups; params ${JSON.stringify(params)}`,
        ...operators.map(
          (operator) => `  ${operator.uid}  ${operator.kind} x ${operator.parallelism}  ${operator.chunks} chunks, ${formatBytes(operator.bytes)}`,
        ),
      ]);
    });

  withFlags(checkpoints.command('verify'))
    .description('read checkpoints and hold every byte against its hash; ends with an error where one is damaged')
    .argument('<checkpoint>', 'folder of a checkpoint, or name of a job for all of them')
    .action(async (what: string, { checkpointDir, json }: Flags) => {
      const { found } = await find(what, checkpointDir);
      const { verifyCheckpoint } = await import('../../checkpoints/index.js');
      const results: { name: string; location: string; problem?: string }[] = [];
      for (const { storage, name } of found) {
        const problem = await verifyCheckpoint(storage, name).then(
          () => undefined,
          (thrown: unknown) => MillraceError.from(thrown).message,
        );
        results.push({ name, location: storage.locate(name), ...(problem === undefined ? {} : { problem }) });
      }
      print(
        json === true,
        results,
        results.map(({ name, problem }) => `${name}  ${problem ?? 'whole'}`),
      );
      const damaged = results.filter(({ problem }) => problem !== undefined);
      if (damaged.length > 0) throw markShown(new MillraceError('CHECKPOINT_INVALID', `${damaged.length} of ${results.length} checkpoints are damaged`));
    });
}

/** Checkpoints at `what`, newest first. @throws CHECKPOINT_NOT_FOUND where there is none */
async function find(what: string, checkpointDir: string | undefined): Promise<{ found: readonly Found[] }> {
  const { isUrl, listCheckpoints, openStorage, parseCheckpointName, splitLocation } = await import('../../checkpoints/index.js');
  const { s3 } = readEnvironment();
  const path = isUrl(what) ? what : resolve(what);
  const { parent, name } = splitLocation(path);
  const one = parseCheckpointName(name);
  if (one !== undefined) return { found: [{ ...one, storage: await openStorage(parent, s3) }] };
  for (const place of [...(isUrl(what) ? [] : [jobPlace(checkpointRoot(checkpointDir, readEnvironment()), what)]), path]) {
    const storage = await openStorage(place, s3);
    const found = await listCheckpoints(storage);
    if (found.length > 0) return { found: found.map((each) => ({ ...each, storage })) };
  }
  throw new MillraceError(
    'CHECKPOINT_NOT_FOUND',
    `no checkpoints of '${what}' in ${checkpointRoot(checkpointDir, readEnvironment())}, and no folder with some at ${path}`,
  );
}

interface Found extends CheckpointName {
  readonly storage: CheckpointStorage;
}
