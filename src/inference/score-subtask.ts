import { MillraceError } from '../core/errors.js';
import { batchFromRows, t, withColumns, type ColumnValues, type RecordBatch, type Schema } from '../memory/index.js';
import { deadLetterSchema, deadLetterTag, noOriginal } from '../stream/connector.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../stream/subtask.js';
import type { BadRow } from '../tensorflow/model/index.js';
import { concatValues, sliceValues } from './feed-batch.js';
import type { ResolvedScoreOptions } from './options.js';
import { outputColumn } from './output-column.js';
import { RunQueue } from './run-queue.js';
import { scoreMetrics, type ScoreMetrics } from './score-metrics.js';
import type { Scored, Scorer, ScorerDefinition, Values } from './scorer.js';
import { showRecord } from '../stream/show-record.js';

export const versionColumn = 'modelVersion';
export const versionField = t.int64();

export interface ScoreSubtaskOptions {
  readonly definition: ScorerDefinition;
  readonly options: ResolvedScoreOptions;
  /** Outputs that are added. */
  readonly added: Schema;
  /** Of the result: the input's columns and the added ones. */
  readonly schema: Schema;
}

/** Rows of one input batch that share a call. */
interface Piece {
  readonly batch: RecordBatch;
  readonly feeds: Values;
}

/**
 * Gathers rows into calls of the model, has several calls in flight, and emits the rows with their scores.
 *
 * Only feeds are gathered: rows leave in the batches in which they came, cut where a call ended. A cut waits for all calls,
 * so that the state is no more than the served version.
 */
export class ScoreSubtask implements Subtask {
  readonly makesWatermarks = true;
  readonly #options: ScoreSubtaskOptions;
  #context!: SubtaskContext;
  #output!: Output;
  #scorer!: Scorer;
  #metrics!: ScoreMetrics;
  #queue!: RunQueue;
  #pending: Piece[] = [];
  #pendingRows = 0;
  /** Came while rows were pending: it follows them. */
  #pendingWatermark: number | undefined;
  #dueMs: number | undefined;
  #version = 0;
  #seenRows = 0;

  constructor(options: ScoreSubtaskOptions) {
    this.#options = options;
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    const { definition, options } = this.#options;
    this.#context = context;
    this.#output = context.output();
    this.#metrics = scoreMetrics(context.metrics);
    this.#queue = new RunQueue({
      limit: options.maxInFlight,
      ordered: options.ordered,
      emitWatermark: (watermark) => {
        this.#output.emitWatermark(watermark);
      },
    });
    const { rendezvous, clock, log, signal } = context;
    this.#scorer = await definition.open({
      rendezvous,
      clock,
      log,
      signal,
      fail: (error) => {
        context.fail(error);
      },
      onVersion: (version) => {
        this.#version = version;
        this.#metrics.version.set(version);
      },
    });
    const last = restored.map(decodeVersion).reduce((newest, version) => Math.max(newest, version), -1);
    if (last > this.#version) log.info(`${definition.title}: the cut was scored by version ${last}, training has published ${this.#version} so far`);
  }

  async process(batch: RecordBatch): Promise<void> {
    const usable = this.#withoutBadRows(batch).retain();
    this.#seenRows += batch.length;
    if (usable.length === 0) return;
    const feeds = this.#scorer.feeds(usable);
    const { maxSize, maxDelayMs } = this.#options.options.batch;
    for (let from = 0; from < usable.length;) {
      const to = Math.min(usable.length, from + maxSize - this.#pendingRows);
      const isWhole = from === 0 && to === usable.length;
      this.#pending.push(isWhole ? { batch: usable, feeds } : { batch: usable.slice(from, to), feeds: sliceValues(feeds, from, to) });
      this.#pendingRows += to - from;
      from = to;
      if (this.#pendingRows >= maxSize) await this.#startRun();
    }
    if (this.#pendingRows > 0 && this.#dueMs === undefined) {
      this.#dueMs = this.#context.clock.now() + maxDelayMs;
      this.#context.setProcessingTimer(this.#dueMs);
    }
  }

  async onProcessingTime(timeMs: number): Promise<void> {
    if (this.#dueMs === undefined) return;
    if (timeMs >= this.#dueMs) await this.#startRun();
    // The timer was set for rows that have left since; those here now are due later.
    else this.#context.setProcessingTimer(this.#dueMs);
  }

  async advance(watermark: number): Promise<void> {
    // The engine itself passes the end of time on, after this call.
    if (watermark === Infinity) await this.#finish();
    else if (this.#pendingRows > 0) this.#pendingWatermark = watermark;
    else this.#queue.watermark(watermark);
  }

  async idle(isIdle: boolean): Promise<void> {
    if (isIdle) await this.#finish();
  }

  endOfPass(): Promise<void> {
    return this.#finish();
  }

  endOfInput(): Promise<void> {
    return this.#finish();
  }

  prepareSnapshot(): Promise<void> {
    return this.#finish();
  }

  freeze(): Snapshot {
    const version = this.#version;
    return { parts: () => [{ keyGroup: -1, bytes: encodeVersion(version) }] };
  }

  async close(): Promise<void> {
    // Where open failed, or never ran, there is less to close.
    await (this.#queue as RunQueue | undefined)?.whenStill();
    await (this.#scorer as Scorer | undefined)?.close();
  }

  async #finish(): Promise<void> {
    if (this.#pendingRows > 0) await this.#startRun();
    await this.#queue.whenEmpty();
  }

  async #startRun(): Promise<void> {
    await this.#queue.whenFree();
    const pieces = this.#pending;
    const rows = this.#pendingRows;
    this.#pending = [];
    this.#pendingRows = 0;
    this.#dueMs = undefined;
    const feeds = concatValues(pieces.map((piece) => piece.feeds));
    const startedMs = performance.now();
    this.#queue.start(
      () => this.#scorer.run(feeds),
      (scored) => {
        this.#metrics.batchRows.observe(rows);
        this.#metrics.runSeconds.observe((performance.now() - startedMs) / 1000);
        this.#metrics.rows.add(rows);
        this.#emit(pieces, rows, scored);
      },
      (error) => {
        this.#context.fail(MillraceError.from(error, 'TENSORFLOW', this.#context.operator.name));
      },
    );
    if (this.#pendingWatermark !== undefined) {
      this.#queue.watermark(this.#pendingWatermark);
      this.#pendingWatermark = undefined;
    }
  }

  #emit(pieces: readonly Piece[], rows: number, { outputs, version }: Scored): void {
    const { added, schema, options, definition } = this.#options;
    const names = Object.keys(added);
    for (const name of names) {
      const made = outputs[name];
      if (made?.shape[0] === rows) continue;
      throw new MillraceError(
        'SHAPE_MISMATCH',
        `${definition.title}: output '${name}' is [${String(made?.shape)}] for ${rows} rows; a score needs one entry per row`,
        { details: { output: name, rows } },
      );
    }
    let at = 0;
    for (const { batch } of pieces) {
      const scores = pieces.length === 1 ? outputs : sliceValues(outputs, at, at + batch.length);
      at += batch.length;
      const values: Record<string, ColumnValues> = {};
      for (const name of names) values[name] = outputColumn(name, added[name] as Schema[string], scores[name], definition.title);
      if (options.modelVersion) values[versionColumn] = new BigInt64Array(batch.length).fill(BigInt(version));
      this.#output.emit(withColumns(batch, schema, values));
    }
  }

  #withoutBadRows(batch: RecordBatch): RecordBatch {
    const bad = this.#scorer.badRows(batch);
    if (bad.length === 0) return batch;
    const { operator, index } = this.#context;
    const causes = new Map<number, BadRow>();
    for (const each of bad) if (!causes.has(each.row)) causes.set(each.row, each);
    const where = (row: number): string => `record ${this.#seenRows + row} of subtask ${index}`;
    if (this.#options.options.onBadRecord === 'fail') {
      const [first] = bad as readonly [BadRow];
      throw new MillraceError('RECORD_MALFORMED', `${operator.name}: ${where(first.row)}: column '${first.column}': ${first.cause}`, {
        details: { operator: operator.uid, column: first.column },
      });
    }
    const letters = [...causes].map(([row, { column, cause }]) => ({
      source: operator.name,
      position: where(row),
      code: 'RECORD_MALFORMED',
      cause: `column '${column}': ${cause}`,
      record: showRecord(batch.row(row)),
      ...noOriginal,
    }));
    this.#metrics.badRows.add(letters.length);
    this.#context.output(deadLetterTag).emit(batchFromRows(deadLetterSchema, letters));
    return batch.take(Int32Array.from({ length: batch.length }, (_, row) => row).filter((row) => !causes.has(row)));
  }
}

/** State, format 1: `{ "format": 1, "version": 17 }` as JSON. */
function encodeVersion(version: number): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, version }));
}

function decodeVersion({ bytes }: StateChunk): number {
  const state = JSON.parse(Buffer.from(bytes).toString()) as { readonly format?: unknown; readonly version?: unknown };
  if (state.format !== 1 || typeof state.version !== 'number')
    throw new MillraceError('FORMAT_INVALID', `state of a score operator: unknown format ${String(state.format)}`);
  return state.version;
}
