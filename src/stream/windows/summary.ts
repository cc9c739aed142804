/** One result column of {@link WindowedStream.summarize}. Rows without a value (null) do not count. */
export interface Summary<C extends string = string, T = unknown> {
  readonly kind: 'count' | 'sum' | 'mean' | 'min' | 'max';
  /** undefined: counts rows. */
  readonly column: C | undefined;
  /** Never set: carries T for the compiler. */
  readonly _type?: T;
}

/** Rows, or with a column those that have a value in it. int64. */
export function count<C extends string = never>(column?: C): Summary<C, number> {
  return { kind: 'count', column };
}

/** Sum of a number column (of a bool column: how many are true), in float64; 0 where there is no value. */
export function sum<C extends string>(column: C): Summary<C, number> {
  return { kind: 'sum', column };
}

/** Mean of a number column (of a bool column: the share of true), in float64; NaN where there is no value. */
export function mean<C extends string>(column: C): Summary<C, number> {
  return { kind: 'mean', column };
}

/** Least value of a number column, in float64; NaN where there is no value. */
export function min<C extends string>(column: C): Summary<C, number> {
  return { kind: 'min', column };
}

/** Greatest value of a number column, in float64; NaN where there is no value. */
export function max<C extends string>(column: C): Summary<C, number> {
  return { kind: 'max', column };
}

/** The result row: the key columns, the window, the summaries. */
export type SummaryRow<R, C extends keyof R, S> = {
  [N in C | keyof S | 'windowStart' | 'windowEnd']: N extends C ? R[N] : N extends keyof S ? (S[N] extends Summary<string, infer T> ? T : never) : Date;
};
