import type { EncodedError, LogRecord } from '../../core/index.js';
import type { StateChunk } from '../../stream/subtask.js';

/** Where a subtask stands, as far as its operators may know. */
export interface SubtaskPlacement {
  readonly job: { readonly id: string; readonly name: string; readonly keyGroups: number };
  readonly index: number;
  readonly attempt: number;
  /** Address that other subtasks reach this one by. Default: loopback. */
  readonly host?: string | undefined;
  /** See SubtaskContext. */
  readonly predecessorMayLive?: boolean;
  /** Operators that have ended and are not part of this deployment. */
  readonly ended: readonly string[];
  /** State by operator uid, this subtask's share. An operator that has an entry, be it empty, continues from a cut. */
  readonly restored: Readonly<Record<string, readonly StateChunk[]>>;
}

/** State of one chain at a cut, by operator uid. */
export type ChainState = Readonly<Record<string, readonly StateChunk[]>>;

export type ToSubtask =
  | { readonly type: 'cut'; readonly cut: number; readonly stop: boolean }
  | { readonly type: 'complete'; readonly cut: number }
  | { readonly type: 'abort'; readonly cut: number }
  | { readonly type: 'drain' }
  | { readonly type: 'close' }
  | { readonly type: 'found'; readonly request: number; readonly value: string };

export type FromSubtask =
  | { readonly type: 'running' }
  | { readonly type: 'snapshot'; readonly cut: number; readonly state: ChainState }
  | { readonly type: 'declined'; readonly cut: number; readonly error: EncodedError }
  /** All inputs have ended, everything was emitted; `state` is that of the final cut. */
  | { readonly type: 'ended'; readonly state: ChainState }
  /** `atMs` is on the machine's clock, so that the first cause can be found. */
  | { readonly type: 'failed'; readonly atMs: number; readonly error: EncodedError }
  | { readonly type: 'closed' }
  | { readonly type: 'log'; readonly record: LogRecord }
  | { readonly type: 'report'; readonly uid: string; readonly channel: string; readonly value: unknown }
  | { readonly type: 'metric'; readonly metric: MetricEntry }
  | { readonly type: 'publish'; readonly key: string; readonly value: string }
  | { readonly type: 'lookup'; readonly request: number; readonly key: string };

/** Where a metric lies in the subtask's block of shared memory. */
export interface MetricEntry {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: Readonly<Record<string, string>>;
  /** Index of the first float64. Histogram: sum, then one count per bucket, the last one for +Inf. */
  readonly at: number;
  readonly buckets?: readonly number[];
}
