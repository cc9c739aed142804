import { MillraceError } from '../core/errors.js';
import { t, type Field } from '../memory/schema.js';

/** A column computed from the other columns of its row: `hour: int32((f) => f.date.getUTCHours())`. */
export interface DerivedColumn<in R, out T> {
  readonly field: Field<T>;
  /** The row is a view that moves on after the call: take values from it, do not keep it. */
  readonly fn: (row: R) => T;
}

/** Makes a derived column of one dtype; one word gives the TypeScript type and the run-time type. */
export interface ColumnMaker<T> {
  <R>(fn: (row: R) => T): DerivedColumn<R, T>;
  /** The function may return null: no value in this row. */
  nullable<R>(fn: (row: R) => T | null): DerivedColumn<R, T | null>;
}

/** The values that a set of derived columns adds to a row. */
export type Derived<C> = { [K in keyof C]: C[K] extends DerivedColumn<never, infer T> ? T : never };

function columnMaker<T>(field: Field<T>): ColumnMaker<T> {
  const nullableField = t.nullable(field);
  return Object.assign(<R>(fn: (row: R) => T) => ({ field, fn }), {
    nullable: <R>(fn: (row: R) => T | null) => ({ field: nullableField, fn }),
  });
}

export const bool = columnMaker(t.bool());
export const int8 = columnMaker(t.int8());
export const int16 = columnMaker(t.int16());
export const int32 = columnMaker(t.int32());
/** Numbers, exact up to 2^53. */
export const int64 = columnMaker(t.int64());
/** int64 as bigint. */
export const bigint = columnMaker(t.bigint());
export const uint8 = columnMaker(t.uint8());
export const uint16 = columnMaker(t.uint16());
export const uint32 = columnMaker(t.uint32());
export const float16 = columnMaker(t.float16());
export const float32 = columnMaker(t.float32());
export const float64 = columnMaker(t.float64());
export const string = columnMaker(t.string());
export const bytes = columnMaker(t.bytes());
export const timestamp = columnMaker(t.timestamp());
export const list = columnMaker(t.list());

/** A column of `size` float32 values in each row: `vector(3, (f) => [f.x, f.y, f.z])`. */
export const vector = Object.assign(
  <R>(size: number, fn: (row: R) => ArrayLike<number>): DerivedColumn<R, Float32Array> => ({ field: t.vector(size), fn: fn as (row: R) => Float32Array }),
  {
    nullable: <R>(size: number, fn: (row: R) => ArrayLike<number> | null): DerivedColumn<R, Float32Array | null> => ({
      field: t.nullable(t.vector(size)),
      fn: fn as (row: R) => Float32Array | null,
    }),
  },
);

/** For callers without the compiler. @throws OPTION_INVALID for a column that none of the makers made */
export function checkDerivedColumns(columns: Readonly<Record<string, unknown>>, operator: string): void {
  for (const [name, column] of Object.entries(columns)) {
    const { field, fn } = (column ?? {}) as Partial<DerivedColumn<unknown, unknown>>;
    if (typeof field?.dtype === 'string' && typeof fn === 'function') continue;
    throw new MillraceError('OPTION_INVALID', `${operator}: column '${name}' has no type; write ${name}: int32((row) => ...), with the type that it has`);
  }
}
