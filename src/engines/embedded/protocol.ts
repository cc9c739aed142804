import type { MessagePort } from 'node:worker_threads';
import type { EncodedError, LogRecord } from '../../core/index.js';
import type { DoorbellMemory } from '../../memory/doorbell.js';
import type { RingMemory } from '../../memory/ring-memory.js';
import type { JobBundle } from '../../stream/engine.js';
import type { StateChunk } from '../../stream/subtask.js';
import type { GraphDescription } from '../../stream/planner/index.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';

/** What a thread needs to run one subtask. Structured-clonable; `port` is transferred. */
export interface SubtaskTask extends SubtaskWork {
  /** Of this subtask. */
  readonly doorbell: DoorbellMemory;
  readonly metrics: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What is to be done; where it holds no rings, it may go to another process. */
export interface SubtaskWork {
  readonly job: JobTask;
  readonly vertex: number;
  readonly index: number;
  readonly attempt: number;
  /** Operators that have ended and are not part of this deployment. */
  readonly ended: readonly string[];
  readonly inputs: readonly InputChannel[];
  readonly outputs: readonly OutputEdge[];
  /** State by operator uid, this subtask's share. An operator that has an entry, be it empty, continues from a cut. */
  readonly restored: Readonly<Record<string, readonly StateChunk[]>>;
}

/** The same for all subtasks of a job. */
export interface JobTask {
  readonly id: string;
  readonly name: string;
  readonly bundle: JobBundle;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly overrides: Readonly<Record<string, number>>;
  readonly fingerprint: string;
  /** To name the operator where fingerprints differ. */
  readonly description: GraphDescription;
  readonly options: ResolvedEmbeddedEngineOptions;
}

export interface InputChannel {
  /** Edge of the job graph. */
  readonly edge: number;
  /** Upstream subtask. */
  readonly from: number;
  /** undefined: the upstream subtask has ended already. */
  readonly channel: ChannelPlace | undefined;
}

export interface OutputEdge {
  readonly edge: number;
  /** In order of downstream subtask; for a forward exchange just one. */
  readonly targets: readonly ChannelPlace[];
}

/** Where a channel is: in memory that its ends share, or between processes. */
export type ChannelPlace = { readonly kind: 'ring'; readonly memory: RingMemory } | SocketPlace;

export interface SocketPlace {
  readonly kind: 'socket';
  /** Under which the producer says on the job's board that it listens. */
  readonly name: string;
  /** Of the producer's socket. */
  readonly path: string;
  readonly capacityBytes: number;
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
