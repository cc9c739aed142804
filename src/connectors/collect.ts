import type { SubtaskReport } from '../stream/engine.js';
import type { RecordBatch } from '../memory/batch.js';
import type { SinkConnector } from '../stream/connector.js';
import type { Snapshot, StateChunk, Subtask, SubtaskContext } from '../stream/subtask.js';
import { decodeChunk, encodeChunk } from './state-chunk.js';

/** Channel of SubtaskContext.report of the collecting sink of this name. */
export const collectChannel = (name: string): string => `collect:${name}`;

/** What a subtask reports. Rows after a cut are void once a later attempt continues from it. */
type CollectReport =
  | { readonly kind: 'rows'; readonly rows: readonly unknown[]; readonly times: readonly number[] | undefined; readonly afterCut: number }
  | { readonly kind: 'restored'; readonly cut: number };

/**
 * A sink that hands rows to the process that submitted the job, where a {@link Collector} of the same name gathers them.
 * For tests and small results: nothing holds the sender back.
 */
export function collect<R = unknown>(name = 'collect'): SinkConnector<R> {
  return { name, maxParallelism: undefined, notes: [], create: () => new CollectSink(collectChannel(name)) };
}

const stateVersion = 1;

class CollectSink implements Subtask {
  readonly #channel: string;
  #context!: SubtaskContext;
  #cut = 0;

  constructor(channel: string) {
    this.#channel = channel;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    const cuts = restored.map((chunk) => decodeChunk(stateVersion, chunk, context.operator.name) as number);
    // A first start and a start over both go back to "before any cut"; a subtask new to a restored job knows of none.
    if (context.isRestored && cuts.length === 0) return;
    this.#cut = Math.max(0, ...cuts);
    this.#report({ kind: 'restored', cut: this.#cut });
  }

  process(batch: RecordBatch): void {
    if (batch.length === 0) return;
    this.#report({ kind: 'rows', rows: batch.rows(), times: batch.times === undefined ? undefined : [...batch.times], afterCut: this.#cut });
  }

  freeze(cut: number): Snapshot {
    this.#cut = cut;
    return { parts: () => [encodeChunk(stateVersion, cut)] };
  }

  #report(report: CollectReport): void {
    this.#context.report(this.#channel, report);
  }
}

/** A collected row. */
export interface CollectedRecord<R> {
  readonly row: R;
  /** Event time, ms; undefined where the stream has none. */
  readonly time: number | undefined;
}

/**
 * Gathers the rows of `collect(name)`; give its {@link Collector.accept} to JobSubmission.onReport. Each row is there once,
 * also after a restart or rescaling; rows of one subtask are in order.
 */
export class Collector<R = unknown> {
  readonly #channel: string;
  #reports: { readonly attempt: number; readonly afterCut: number; readonly records: readonly CollectedRecord<R>[] }[] = [];

  constructor(name = 'collect') {
    this.#channel = collectChannel(name);
  }

  /** Takes a report of this collector's sink. @returns false for any other */
  accept({ channel, attempt, value }: SubtaskReport): boolean {
    if (channel !== this.#channel) return false;
    const report = value as CollectReport;
    if (report.kind === 'rows') {
      const records = report.rows.map((row, i) => ({ row: row as R, time: report.times?.[i] }));
      this.#reports.push({ attempt, afterCut: report.afterCut, records });
    } else this.#reports = this.#reports.filter((earlier) => earlier.attempt >= attempt || earlier.afterCut < report.cut);
    return true;
  }

  /** Rows so far, in the order in which they arrived. */
  get rows(): readonly R[] {
    return this.records.map(({ row }) => row);
  }

  /** The same with event times. */
  get records(): readonly CollectedRecord<R>[] {
    return this.#reports.flatMap(({ records }) => records);
  }
}
