import type { Clock, Logger, MetricGroup } from '../core/index.js';
import type { RecordBatch } from '../memory/batch.js';

/**
 * The engine port, subtask side: what an operator is at run time. Engines drive subtasks; a subtask never reaches into
 * an engine. The same subtask runs on the embedded engine and on Apache Flink.
 *
 * ```
 *  open ──► (process | advance | onTimer | idle | endOfPass)* ──► endOfInput ──► close(drained = true)
 *              │        barrier n: prepareSnapshot(n) → barrier passed on → freeze(n) → complete(n) | abort(n)
 *              └────────────────────────────────────────────────────────────► close(drained = false)
 * ```
 * Calls never overlap: the engine awaits a returned promise before the next call.
 */
export interface Subtask {
  /** True where the subtask emits its own watermarks: the engine passes on none from upstream, except Infinity at the end. */
  readonly makesWatermarks?: boolean;
  /** `restored` holds the chunks of the last cut that belong to this subtask; empty on a first start. */
  open(context: SubtaskContext, restored: readonly StateChunk[]): void | Promise<void>;
  /** `batch` may be a view over channel memory: retain() it to keep it after the call (and its promise) ends. */
  process(batch: RecordBatch, input: number): void | Promise<void>;
  /** The watermark over all inputs has risen to `watermark` (ms; Infinity at the end). The engine passes it on afterwards. */
  advance?(watermark: number): void | Promise<void>;
  /** All inputs are idle (or one is active again); the engine passes it on afterwards. Emit what is outstanding: it would end the idleness. */
  idle?(isIdle: boolean): void | Promise<void>;
  /** Processing time reached a timer set by context.setProcessingTimer. */
  onProcessingTime?(timeMs: number): void | Promise<void>;
  /** All inputs completed `passes` passes over their data. */
  endOfPass?(passes: number): void | Promise<void>;
  /** Input `input` has ended. After the last one the subtask emits what it still holds. */
  endOfInput?(input: number): void | Promise<void>;
  /** Before barrier `cut` is passed on: emit what must lie before it, drain what is outstanding. */
  prepareSnapshot?(cut: number): void | Promise<void>;
  /** At the barrier: capture state at once (copy or copy-on-write); chunks are encoded when the engine iterates. */
  freeze?(cut: number): Snapshot;
  /**
   * Cut `cut` is complete, and durable where the job takes checkpoints: commit what was prepared for it and all before.
   * Idempotent. A restore from a cut commits what was prepared for it: this call may have been lost.
   */
  complete?(cut: number): void | Promise<void>;
  /** Cut `cut` will not complete: what was prepared for it stays pending, for the next one. */
  abort?(cut: number): void | Promise<void>;
  /** Last call. `drained`: the input ended and everything was emitted; else cancelled, failed or redeployed. */
  close?(drained: boolean): void | Promise<void>;
}

/**
 * A subtask that makes records by itself. The engine calls `read` in a loop, between barriers; backpressure is not being
 * called.
 */
export interface SourceSubtask extends Omit<Subtask, 'process' | 'advance' | 'endOfInput'> {
  /**
   * Emits at most a few batches and says how to go on: 'more' at once; 'wait' after `afterMs` or when context.wake() was
   * called; 'end' never again. Positions must be exact after each call: a cut may follow.
   */
  read(): ReadResult | Promise<ReadResult>;
  /** Stop reading new records and end soon as if the input had ended (`millrace stop`). */
  drain?(): void;
}

export type ReadResult = { readonly next: 'more' } | { readonly next: 'wait'; readonly afterMs: number } | { readonly next: 'end' };

/** Opaque, versioned bytes of state: for one key group, or for the whole operator (keyGroup -1). */
export interface StateChunk {
  /**
   * 0..keyGroups-1: goes to the subtask that owns the group. -1: goes to exactly one subtask after a restore, spread
   * round robin; make each chunk a unit that can move alone (one split, one pending commit).
   */
  readonly keyGroup: number;
  readonly bytes: Uint8Array;
  /** Made for this cut, alone in their buffer and kept by nobody: an engine may move them instead of copying them. Default false. */
  readonly isGiven?: boolean;
}

export interface Snapshot {
  parts(): Iterable<StateChunk> | AsyncIterable<StateChunk>;
}

/** Where a subtask writes. */
export interface Output {
  /** Never blocks; what does not fit is held and the engine stops calling until it is gone. Ownership of the batch passes on. */
  emit(batch: RecordBatch): void;
  /**
   * Emits a batch over memory that the caller wants back (see BatchBuilder.lend).
   *
   * @returns true where it is free again; else somebody still reads it, and it belongs to the batch from now on
   */
  lend(batch: RecordBatch): boolean;
  /** Watermark of a source or of a subtask that `makesWatermarks`. Those of others are passed on by the engine. */
  emitWatermark(watermark: number): void;
  /** A source has (no) data for now; downstream watermarks do not wait for it. */
  emitIdle(idle: boolean): void;
  /** `passes` passes are complete. A source repeats the last mark after a restore, because alignment is not part of a cut. */
  endOfPass(passes: number): void;
  /** undefined where there is room; else resolves when there is. Long-running emitters (node entries) await it. */
  ready(): Promise<void> | undefined;
}

/** What a subtask knows about its place. Outputs and parallelism are known only here, never in the graph. */
export interface SubtaskContext {
  readonly job: { readonly name: string; readonly id: string };
  readonly operator: { readonly uid: string; readonly name: string };
  readonly index: number;
  readonly parallelism: number;
  /** Parallelism of any operator of the job as deployed now (`scale` changes it). @throws INTERNAL for an unknown uid */
  parallelismOf(uid: string): number;
  /** Address under which other subtasks reach servers of this one, and on which it listens: loopback where all run on one machine. */
  readonly host: string;
  /** The lease epoch of nodes: higher after each restart and redeployment. Not a count: some engines leave numbers out. */
  readonly attempt: number;
  readonly keyGroups: KeyGroupRange;
  /**
   * True where the subtask's like of an earlier attempt may still run, cut off from its job (a frozen machine that comes back): what
   * that one holds open must be out of its reach.
   */
  readonly predecessorMayLive?: boolean | undefined;
  /**
   * True where the operator continues from a cut, even if none of its chunks came to this subtask (more subtasks than
   * chunks): a source must not then deal out its splits anew. False where a checkpoint does not know the operator.
   */
  readonly isRestored: boolean;
  /** True where all subtasks of an operator have ended for good: they are not part of this deployment. */
  hasEnded(uid: string): boolean;
  /** Output for the main stream (no tag) or a side output. Emitting to a tag nobody reads is cheap. */
  output(tag?: string): Output;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MetricGroup;
  /** Aborts when the subtask must stop at once. */
  readonly signal: AbortSignal;
  /** One timer per subtask at the earliest of the asked times; onProcessingTime is called. */
  setProcessingTimer(timeMs: number): void;
  /** Makes a waiting source read again. Safe from callbacks of any async work on this thread. */
  wake(): void;
  /** Fails the job with this error; for failures outside a call. */
  fail(error: unknown): void;
  readonly rendezvous: Rendezvous;
  /** Where the engine replaces this subtask alone when it fails (see {@link OperatorNode.resumes}); undefined elsewhere. */
  readonly lane?: InputLane | undefined;
  /**
   * Hands a structured-clonable value to the process that submitted the job: JobSubmission.onReport gets it. Values of one
   * subtask arrive in order, all of them before the job's `finished` settles. The way results leave a thread (in-memory
   * collector, live views); no substitute for a sink: nothing holds the sender back.
   */
  report(channel: string, value: unknown): void;
}

/**
 * Number of the last cut, taken by a subtask when its input has ended: prepareSnapshot and freeze run, then everything
 * downstream learns of the end. `complete(finalCut)` follows once every subtask of the job has come so far.
 */
export const finalCut = Number.MAX_SAFE_INTEGER;

/** The input of a subtask that may be replaced: its batches have positions, and stay until they are acknowledged. */
export interface InputLane {
  /** True where a position names the same batch for a successor, which may leave out what has come of it already. */
  readonly isExact: boolean;
  /** Of the batch that process() was last given: 1 or more, and growing. */
  readonly position: number;
  /** Positions are above this one; those of a successor that are not exact are above all of its predecessor's. */
  readonly firstPosition: number;
  /** The last barrier in front of what a successor is given; 0 for none, and for a first subtask. */
  readonly barrier: number;
  /**
   * Everything that follows from the batch has been done, and what it led to has been emitted: no successor is given it again.
   * In any order; a batch stays until all before it are acknowledged, too.
   */
  acknowledge(position: number): void;
}

/** Key groups `from`..`to` (exclusive) of `total` belong to this subtask. */
export interface KeyGroupRange {
  readonly from: number;
  readonly to: number;
  readonly total: number;
}

/**
 * A board on which subtasks of one operator, and the nodes of a cluster, leave small facts for each other, such as the address
 * of the AM. Entries belong to an attempt: a redeployment starts with an empty board.
 */
export interface Rendezvous {
  publish(key: string, value: string): void;
  /** @throws DEADLINE_EXCEEDED */
  lookup(key: string, deadlineMs: number): Promise<string>;
}
