import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as connectors from '../../../src/connectors/index.js';
import { Collector, csvSink, jsonlSink, parquetSink } from '../../../src/connectors/index.js';
import { withDeadline } from '../../../src/core/index.js';
import { createEmbeddedEngine } from '../../../src/engines/embedded/index.js';
import type { Engine, RunningJob, SubtaskReport } from '../../../src/stream/engine.js';
import { buildGraph } from '../../../src/stream/job.js';
import { runSource, withFolder, writeAll } from '../../unit/connectors/harness.js';
import job, { fileFormats, rowCount, sources, type CopyParams } from './copy-job.js';
import { gateChannel } from './gated-source.js';
import { rowSchema, rowsUpTo, type Row } from './rows.js';

const path = fileURLToPath(new URL('copy-job.js', import.meta.url));
const deadlineMs = 60_000;
const fileCount = 5;

type SourceName = keyof typeof sources;

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

const byId = (rows: readonly unknown[]): Row[] => [...(rows as readonly Row[])].sort((a, b) => a.id - b.id);
const repeated = (passes: number): Row[] => byId(Array.from({ length: passes }, () => rowsUpTo(rowCount)).flat());

async function writeInputs(folder: string): Promise<void> {
  const rows = rowsUpTo(rowCount);
  for (let file = 0; file < fileCount; file++) {
    const share = rows.slice((file * rowCount) / fileCount, ((file + 1) * rowCount) / fileCount);
    await writeAll(jsonlSink(join(folder, 'in', 'jsonl', `${file}.jsonl`)), rowSchema, share);
    await writeAll(csvSink(join(folder, 'in', 'csv', `${file}.csv`)), rowSchema, share);
    await writeAll(parquetSink(join(folder, 'in', 'parquet', `${file}.parquet`), { rowGroupRows: 7 }), rowSchema, share);
  }
}

/** A running copy, and what it has reported. */
class Copy {
  readonly #collector = new Collector<Row>('rows');
  readonly #lines: string[] = [];
  readonly #gates: number[] = [];
  #arrived: () => void = () => undefined;
  job!: RunningJob;

  constructor(readonly folder: string) {}

  async start(engine: Engine, source: SourceName, parallelism: number, options: Pick<CopyParams, 'passes' | 'gate'>): Promise<this> {
    const params = { given: JSON.stringify({ source, folder: this.folder, ...options } satisfies CopyParams) };
    this.job = await engine.submit({
      ...{ id: 'copy', name: job.name, graph: buildGraph(job, params), params, parallelism, keyGroups: 128, overrides: {} },
      bundle: { path, hash: 'copy' },
      log: () => undefined,
      onReport: (report) => this.#take(report),
    });
    return this;
  }

  /** All subtasks of the source stand at the gate of this attempt. */
  async atGate(attempt: number): Promise<void> {
    const count = (): number => this.job.status().operators.find(({ uid }) => uid === 'in')?.parallelism ?? Infinity;
    while ((this.#gates[attempt] ?? 0) < count()) await Promise.race([new Promise<void>((resolve) => (this.#arrived = resolve)), this.job.finished]);
  }

  get rows(): Row[] {
    return byId(this.#collector.rows);
  }

  /** Each sink has exactly these rows. */
  async assertWritten(expected: readonly Row[]): Promise<void> {
    assert.deepEqual(this.rows, expected, 'collect');
    assert.deepEqual(
      this.#lines.map(Number).sort((a, b) => a - b),
      expected.map(({ id }) => id),
      'console',
    );
    for (const [format, { source }] of Object.entries(fileFormats)) {
      for (const file of [`out.${format}`, `${format}-parts`]) {
        assert.deepEqual(byId((await runSource(source(join(this.folder, file), rowSchema))).rows), expected, file);
      }
    }
  }

  #take(report: SubtaskReport): void {
    if (report.channel === gateChannel) {
      this.#gates[report.attempt] = (this.#gates[report.attempt] ?? 0) + 1;
      this.#arrived();
    } else if (report.channel === connectors.consoleChannel) {
      this.#lines.push(...(report.value as string[]));
    } else {
      this.#collector.accept(report);
    }
  }
}

async function withCopy(
  engine: Engine,
  source: SourceName,
  parallelism: number,
  options: Pick<CopyParams, 'passes' | 'gate'>,
  use: (copy: Copy) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await writeInputs(folder);
    const copy = await new Copy(folder).start(engine, source, parallelism, options);
    try {
      await withDeadline(use(copy), { ms: deadlineMs, what: `copy from ${source}` });
    } finally {
      await copy.job.cancel();
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
        withCopy(engine, source, parallelism, { passes: 2, gate: { attempts: 0, reads: 0 } }, async (copy) => {
          await copy.job.finished;
          await copy.assertWritten(repeated(2));
        }));

      it(`${where}: cuts on the way that rescale the source and the part files lose and repeat nothing`, () =>
        withCopy(engine, source, parallelism, { passes: 2, gate: { attempts: 2, reads: 4 } }, async (copy) => {
          await copy.atGate(0);
          await copy.job.scale('in', parallelism === 1 ? (sources[source](copy.folder).maxParallelism ?? 2) : 1);
          await copy.atGate(1);
          await copy.job.scale('parts', parallelism === 1 ? 2 : 3);
          await copy.job.finished;
          await copy.assertWritten(repeated(2));
        }));

      it(`${where}: a drained job has written what it had read, and no more`, () =>
        withCopy(engine, source, parallelism, { passes: 1, gate: { attempts: 1, reads: 3 } }, async (copy) => {
          await copy.atGate(0);
          await copy.job.stop();
          const { rows } = copy;
          assert.ok(rows.length > 0 && rows.length < rowCount, `${rows.length} rows`);
          assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
          const all = rowsUpTo(rowCount);
          await copy.assertWritten(rows.map(({ id }) => all[id] as Row));
        }));
    }
  }
});
