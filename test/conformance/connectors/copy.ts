import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Collector, consoleChannel, csvSink, jsonlSink, parquetSink } from '../../../src/connectors/index.js';
import type { JobSubmission, SubtaskReport } from '../../../src/stream/engine.js';
import { buildGraph } from '../../../src/stream/job.js';
import { runSource, writeAll } from '../../unit/connectors/harness.js';
import job, { fileFormats, rowCount, uidOf, type CopyParams, type SourceName } from './copy-job.js';
import { gateChannel } from './gated-source.js';
import { rowSchema, rowsUpTo, type Row } from './rows.js';

const path = fileURLToPath(new URL('copy-job.js', import.meta.url));
const fileCount = 5;

const byId = (rows: readonly unknown[]): Row[] => [...(rows as readonly Row[])].sort((a, b) => a.id - b.id);
/** All rows, once for each pass. */
export const repeated = (passes: number): Row[] => byId(Array.from({ length: passes }, () => rowsUpTo(rowCount)).flat());

/** What the file sources of a copy read. */
export async function writeInputs(folder: string): Promise<void> {
  const rows = rowsUpTo(rowCount);
  for (let file = 0; file < fileCount; file++) {
    const share = rows.slice((file * rowCount) / fileCount, ((file + 1) * rowCount) / fileCount);
    await writeAll(jsonlSink(join(folder, 'in', 'jsonl', `${file}.jsonl`)), rowSchema, share);
    await writeAll(csvSink(join(folder, 'in', 'csv', `${file}.csv`)), rowSchema, share);
    await writeAll(parquetSink(join(folder, 'in', 'parquet', `${file}.parquet`), { rowGroupRows: 7 }), rowSchema, share);
  }
}

/** What a copy from one source reports and writes. */
export class Copy {
  readonly #collector: Collector<Row>;
  readonly #lines: string[] = [];
  readonly #gates: number[] = [];
  #arrived: () => void = () => undefined;

  constructor(
    readonly source: SourceName,
    readonly folder: string,
  ) {
    this.#collector = new Collector<Row>(`${source} rows`);
  }

  /** So many subtasks of the source stand at the gate of this attempt; `ended` ends the waiting. */
  async atGate(attempt: number, subtasks: () => number, ended: Promise<unknown>): Promise<void> {
    while ((this.#gates[attempt] ?? 0) < subtasks()) await Promise.race([new Promise<void>((resolve) => (this.#arrived = resolve)), ended]);
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

  /** Takes a report of this copy's subtasks. */
  accept(report: SubtaskReport): void {
    const { uid, attempt, channel, value } = report;
    if (this.#collector.accept(report) || !uid.startsWith(uidOf(this.source, ''))) return;
    if (channel === consoleChannel) this.#lines.push(...(value as string[]));
    if (channel !== gateChannel) return;
    this.#gates[attempt] = (this.#gates[attempt] ?? 0) + 1;
    this.#arrived();
  }
}

/** A job of these copies. */
export function copyJob(copies: readonly Copy[], parallelism: number, options: Pick<CopyParams, 'passes' | 'gate'>): JobSubmission {
  const given = copies.map(({ source, folder }) => ({ source, folder, ...options })) satisfies CopyParams[];
  const params = { given: JSON.stringify(given) };
  return {
    ...{ id: 'copy', name: job.name, graph: buildGraph(job, params), params, parallelism, keyGroups: 128, overrides: {} },
    bundle: { path, hash: 'copy' },
    log: () => undefined,
    onReport: (report) => {
      for (const copy of copies) copy.accept(report);
    },
  };
}
