/** A window of one key: times start <= t < end, ms since the epoch. */
export interface Window<K = unknown> {
  readonly key: K;
  readonly start: number;
  readonly end: number;
}

/**
 * Folds the rows of a window into an accumulator. Accumulators are state: keep plain data in them.
 *
 * With `merge`, sliding windows keep one accumulator per stretch that windows share instead of one per window, and
 * session windows, which need it, can grow together.
 */
export interface AggregateFunction<R, A, O, K = unknown> {
  /** Columns that `add` reads; rows then have only these, which is faster. Default: all. */
  readonly reads?: readonly (keyof R & string)[];
  create(): A;
  /** May change the accumulator and return it. */
  add(accumulator: A, row: R): A;
  /** May change and return `into`, must not change `other`. `add` and `merge` must agree: order aside, the result is the same. */
  merge?(into: A, other: A): A;
  /** Must not change the accumulator: a window within the allowed lateness may fire again. */
  result(accumulator: A, window: Window<K>): O;
}

/** What a window process function sees beside the rows. */
export interface WindowContext<K, O> extends Window<K> {
  /** ms since the epoch. */
  readonly watermark: number;
  /** @param time event time of the new row. Default: end - 1 */
  emit(row: O, time?: number): void;
}

/** Called with all rows of a window when it fires. */
export type WindowFunction<R, K, O> = (rows: readonly R[], context: WindowContext<K, O>) => void;
