import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as connectors from '../../../src/connectors/index.js';
import { withDeadline } from '../../../src/core/index.js';
import { createEmbeddedEngine } from '../../../src/engines/embedded/index.js';
import type { Engine, RunningJob } from '../../../src/stream/engine.js';
import { withFolder } from '../../unit/connectors/harness.js';
import { Copy, copyJob, repeated, writeInputs } from './copy.js';
import { rowCount, sources, uidOf, type CopyParams, type SourceName } from './copy-job.js';
import { rowsUpTo, type Row } from './rows.js';

const deadlineMs = 60_000;

/** Exports that are no connector of their own. */
const notConnectors = new Set([
  'Collector',
  'consoleChannel',
  'csv',
  'jsonl',
  'parquet',
  'DeadLetterWriter',
  'recordText',
  'SplitSource',
  'decodeChunk',
  'encodeChunk',
  'operatorState',
  // Need a broker: test/integration/connectors/kafka holds them to the same.
  'kafkaSource',
  'kafkaSink',
  'kafkaDeadLetters',
]);
const sinkNames = ['collect', 'console', 'discard', 'csvSink', 'jsonlSink', 'parquetSink'];

interface RunningCopy {
  readonly copy: Copy;
  readonly job: RunningJob;
  /** All subtasks of the source stand at the gate of this attempt. */
  atGate(attempt: number): Promise<void>;
}

async function withCopy(
  engine: Engine,
  source: SourceName,
  parallelism: number,
  options: Pick<CopyParams, 'passes' | 'gate'>,
  use: (running: RunningCopy) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await writeInputs(folder);
    const copy = new Copy(source, folder);
    const job = await engine.submit(copyJob([copy], parallelism, options));
    const subtasks = (): number => job.status().operators.find(({ uid }) => uid === uidOf(source, 'in'))?.parallelism ?? Infinity;
    try {
      await withDeadline(use({ copy, job, atGate: (attempt) => copy.atGate(attempt, subtasks, job.finished) }), {
        ms: deadlineMs,
        what: `copy from ${source}`,
      });
    } finally {
      await job.cancel();
    }
  });
}

describe('every connector', () => {
  it('is in this suite', () => {
    const covered = new Set([...Object.keys(sources), ...sinkNames, ...notConnectors]);
    assert.deepEqual(
      Object.keys(connectors).filter((name) => !covered.has(name)),
      [],
    );
    assert.deepEqual(
      [...covered].filter((name) => !(name in connectors)),
      [],
    );
  });

  const engine = createEmbeddedEngine();
  for (const source of Object.keys(sources) as SourceName[]) {
    for (const parallelism of [1, 2]) {
      const where = `${source} to every sink on the ${engine.name} engine, parallelism ${parallelism}`;
      it(`${where}: what is written is what was read, in each of two passes`, () =>
        withCopy(engine, source, parallelism, { passes: 2, gate: { attempts: 0, reads: 0 } }, async ({ copy, job }) => {
          await job.finished;
          await copy.assertWritten(repeated(2));
        }));

      it(`${where}: cuts on the way that rescale the source and the part files lose and repeat nothing`, () =>
        withCopy(engine, source, parallelism, { passes: 2, gate: { attempts: 2, reads: 4 } }, async ({ copy, job, atGate }) => {
          await atGate(0);
          await job.scale(uidOf(source, 'in'), parallelism === 1 ? (sources[source](copy.folder).maxParallelism ?? 2) : 1);
          await atGate(1);
          await job.scale(`${source} parts`, parallelism === 1 ? 2 : 3);
          await job.finished;
          await copy.assertWritten(repeated(2));
        }));

      it(`${where}: a drained job has written what it had read, and no more`, () =>
        withCopy(engine, source, parallelism, { passes: 1, gate: { attempts: 1, reads: 3 } }, async ({ copy, job, atGate }) => {
          await atGate(0);
          await job.stop();
          const { rows } = copy;
          assert.ok(rows.length > 0 && rows.length < rowCount, `${rows.length} rows`);
          assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
          const all = rowsUpTo(rowCount);
          await copy.assertWritten(rows.map(({ id }) => all[id] as Row));
        }));
    }
  }
});
