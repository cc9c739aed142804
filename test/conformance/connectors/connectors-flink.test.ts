import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { withDeadline } from '../../../src/core/index.js';
import { createFlinkEngine, type FlinkJob } from '../../../src/engines/flink/index.js';
import { bundleJob } from '../../../src/engines/runtime/bundle.js';
import { bridgeJar } from '../../flink/bridge.js';
import { flinkSuites, flinkTest } from '../../flink/flink-test.js';
import type { LocalFlink } from '../../flink/local-flink.js';
import { withFolder } from '../../unit/connectors/harness.js';
import { Copy, copyJob, repeated, writeInputs } from './copy.js';
import { rowCount, sources, type CopyParams, type SourceName } from './copy-job.js';
import { everyAttempt } from './gated-source.js';
import { rowsUpTo, type Row } from './rows.js';

const deadlineMs = 180_000;
const names = Object.keys(sources) as SourceName[];

/** Copies from every source in one job, because starting one costs seconds; each start of it goes on from the one before. */
class Copies {
  readonly copies: readonly Copy[];
  readonly #cluster: LocalFlink;
  #starts = 0;

  private constructor(cluster: LocalFlink, folder: string) {
    this.#cluster = cluster;
    this.copies = names.map((source) => new Copy(source, join(folder, source)));
  }

  static async on(cluster: LocalFlink, folder: string): Promise<Copies> {
    const made = new Copies(cluster, folder);
    for (const copy of made.copies) {
      mkdirSync(copy.folder);
      await writeInputs(copy.folder);
    }
    return made;
  }

  /** @param savepoint of the last start */
  async run<T>(
    parallelism: number,
    options: Pick<CopyParams, 'passes' | 'gate'>,
    savepoint: string | undefined,
    use: (job: FlinkJob) => Promise<T>,
  ): Promise<T> {
    const attempt = this.#starts++;
    const submission = copyJob(this.copies, parallelism, options);
    const restoreFrom = savepoint === undefined ? {} : { restoreFrom: savepoint };
    const engine = createFlinkEngine({
      address: this.#cluster.address,
      jar: await bridgeJar(),
      pollIntervalMs: 200,
      hostStartTimeoutMs: deadlineMs,
      ...restoreFrom,
    });
    const job = await engine.submit({
      ...submission,
      bundle: await bundleJob(submission.bundle.path),
      // Flink counts anew for each start.
      onReport: (report) => submission.onReport?.({ ...report, attempt }),
    });
    try {
      return await withDeadline(use(job), { ms: deadlineMs, what: 'copies on Flink' });
    } finally {
      await job.cancel();
    }
  }

  /** All sources stand at the gate. */
  async atGate(job: FlinkJob, parallelism: number): Promise<void> {
    const subtasks = ({ source, folder }: Copy): number => Math.min(parallelism, sources[source](folder).maxParallelism ?? parallelism);
    await Promise.all(this.copies.map((copy) => copy.atGate(this.#starts - 1, () => subtasks(copy), job.finished)));
  }

  async assertWritten(expected: (copy: Copy) => readonly Row[]): Promise<void> {
    for (const copy of this.copies) await copy.assertWritten(expected(copy));
  }
}

async function location(suspended: ReturnType<FlinkJob['suspend']>): Promise<string> {
  const { checkpoints } = await suspended;
  assert.ok(checkpoints.last?.location !== undefined, 'Flink says where the savepoint is');
  return checkpoints.last.location;
}

flinkSuites({}, (version, cluster) => {
  const everywhere = `every source to every sink on Flink ${version}`;

  flinkTest(`${everywhere}: what is written is what was read, in each of two passes`, () =>
    withFolder(async (folder) => {
      const copies = await Copies.on(cluster(), folder);
      await copies.run(2, { passes: 2, gate: { attempts: 0, reads: 0 } }, undefined, (job) => job.finished);
      await copies.assertWritten(() => repeated(2));
    }),
  );

  flinkTest(`${everywhere}: savepoints on the way, each with another parallelism, lose and repeat nothing`, () =>
    withFolder(async (folder) => {
      const copies = await Copies.on(cluster(), folder);
      const gate = { attempts: everyAttempt, reads: 4 };
      let savepoint: string | undefined;
      // File sinks are single: with two and three subtasks before them, Flink has the same chains.
      for (const parallelism of [2, 3]) {
        savepoint = await copies.run(parallelism, { passes: 2, gate }, savepoint, async (job) => {
          await copies.atGate(job, parallelism);
          return location(job.suspend());
        });
      }
      await copies.run(2, { passes: 2, gate: { attempts: 0, reads: 0 } }, savepoint, (job) => job.finished);
      await copies.assertWritten(() => repeated(2));
    }),
  );

  flinkTest(`${everywhere}: a drained job has written what it had read, and no more`, () =>
    withFolder(async (folder) => {
      const copies = await Copies.on(cluster(), folder);
      await copies.run(2, { passes: 1, gate: { attempts: everyAttempt, reads: 3 } }, undefined, async (job) => {
        await copies.atGate(job, 2);
        await job.stop();
      });
      const all = rowsUpTo(rowCount);
      for (const { source, rows } of copies.copies) {
        assert.ok(rows.length > 0 && rows.length < rowCount, `${source}: ${rows.length} rows`);
        assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, source);
      }
      await copies.assertWritten(({ rows }) => rows.map(({ id }) => all[id] as Row));
    }),
  );
});
