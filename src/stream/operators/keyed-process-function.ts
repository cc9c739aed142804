import type { Infer, Schema } from '../../memory/schema.js';
import type { SubtaskContext } from '../subtask.js';
import type { StateDescriptors, StateHandles } from '../state/descriptors.js';

/** Schemas of the side outputs that a function declares, by tag. */
export type SideOutputs = Readonly<Record<string, Schema>>;

/**
 * A function over the rows of one key at a time, with state and timers of that key.
 *
 * ```ts
 * flights.keyBy('origin').process(schema, {
 *   state: { count: valueState(0) },
 *   process(row, ctx) {
 *     ctx.state.count.value += 1;
 *     ctx.emit({ origin: ctx.key, count: ctx.state.count.value });
 *   },
 * });
 * ```
 * Everything here is synchronous. Keep what differs by key in `ctx.state`, never in variables outside: several subtasks
 * may share the function's object.
 */
export interface KeyedProcessFunction<R, K, O, S extends StateDescriptors = Record<string, never>, T extends SideOutputs = Record<string, never>> {
  /** What is kept for each key. */
  readonly state?: S;
  /** Side outputs with their schemas: `ctx.sideOutput(tag, row)` writes, `stream.sideOutput(tag)` reads. */
  readonly sideOutputs?: T;
  /** The columns that `process` reads: rows then have only these, which is faster. Default: all. */
  readonly reads?: readonly (keyof R & string)[];
  /** Before the first row of a subtask. */
  open?(context: SubtaskContext): void;
  process(row: R, ctx: KeyedContext<K, O, S, T>): void;
  /**
   * A timer of this key has come due: its time is not above the watermark (event time) or the clock (processing time).
   * Processing-time timers still pending at the end of input fire then.
   */
  onTimer?(time: number, ctx: KeyedTimerContext<K, O, S, T>): void;
}

/** What a keyed function sees while it looks at one row; the same object for every row, so do not keep it. */
export interface KeyedContext<K, O, S extends StateDescriptors, T extends SideOutputs> {
  readonly key: K;
  /** Event time of the row, or the timer's time; ms since the epoch. undefined where the stream has no event time. */
  readonly timestamp: number | undefined;
  /** ms since the epoch; -Infinity before the first. */
  readonly watermark: number;
  readonly state: StateHandles<S>;
  readonly timers: TimerService;
  /** @param time event time of the new row. Default: `timestamp` */
  emit(row: O, time?: number): void;
  sideOutput<N extends keyof T & string>(tag: N, row: Infer<T[N]>, time?: number): void;
}

export interface KeyedTimerContext<K, O, S extends StateDescriptors, T extends SideOutputs> extends KeyedContext<K, O, S, T> {
  readonly timeDomain: TimeDomain;
}

export type TimeDomain = 'event' | 'processing';

/** Timers of the current key. One key has at most one timer of each domain at a time. */
export interface TimerService {
  /** Fires when the watermark reaches `time`; where it has already, with the next watermark. */
  registerEventTime(time: number): void;
  deleteEventTime(time: number): void;
  registerProcessingTime(time: number): void;
  deleteProcessingTime(time: number): void;
  /** The clock, ms since the epoch. */
  readonly now: number;
}
