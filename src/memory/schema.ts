/**
 * Types of columns, with the TypeScript type and the run-time dtype in one value.
 *
 * | dtype     | in rows                    | in memory (Arrow layout)                                      |
 * |-----------|----------------------------|---------------------------------------------------------------|
 * | bool      | boolean                    | bitmap, least significant bit first                           |
 * | int8..32, uint8..32 | number           | the typed array of that name                                  |
 * | int64     | number, or bigint on request | BigInt64Array                                               |
 * | float16   | number                     | Uint16Array of IEEE bits                                      |
 * | float32, float64 | number              | the typed array of that name                                  |
 * | string    | string                     | int32 offsets [rows + 1] and UTF-8 bytes                      |
 * | bytes     | Uint8Array                 | int32 offsets [rows + 1] and bytes                            |
 * | timestamp | Date                       | BigInt64Array of milliseconds since the epoch (UTC)           |
 * | vector    | Float32Array               | Float32Array [rows * size] (a fixed-size list)                |
 * | list      | number[]                   | int32 offsets [rows + 1] and Float64Array of values           |
 *
 * A nullable column has a validity bitmap (1 = present); null in rows.
 */
export type Dtype =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'vector'
  | 'list';

/** One column's type. `T` is the type of its values in rows; it exists at compile time only. */
export interface Field<T = unknown> {
  readonly dtype: Dtype;
  readonly nullable: boolean;
  /** Values per row of a vector; absent for every other dtype. */
  readonly size?: number;
  /** True where rows carry int64 as bigint instead of number. */
  readonly bigint?: boolean;
  /** Never set: carries T for the compiler. */
  readonly _type?: T;
}

/** Columns by name, in order. */
export type Schema = Readonly<Record<string, Field>>;

/** The row type of a schema. */
export type Infer<S extends Schema> = { -readonly [K in keyof S]: S[K] extends Field<infer T> ? T : never };

function field<T>(dtype: Dtype, more: Partial<Field<T>> = {}): Field<T> {
  return Object.freeze({ dtype, nullable: false, ...more });
}

/** Makers of column types: `{ date: t.timestamp(), origin: t.string(), note: t.nullable(t.string()) }`. */
export const t = Object.freeze({
  bool: () => field<boolean>('bool'),
  int8: () => field<number>('int8'),
  int16: () => field<number>('int16'),
  int32: () => field<number>('int32'),
  /** Numbers by default: exact up to 2^53. */
  int64: () => field<number>('int64'),
  bigint: () => field<bigint>('int64', { bigint: true }),
  uint8: () => field<number>('uint8'),
  uint16: () => field<number>('uint16'),
  uint32: () => field<number>('uint32'),
  float16: () => field<number>('float16'),
  float32: () => field<number>('float32'),
  float64: () => field<number>('float64'),
  string: () => field<string>('string'),
  bytes: () => field<Uint8Array>('bytes'),
  timestamp: () => field<Date>('timestamp'),
  /** `size` float32 values in each row. */
  vector: (size: number) => field<Float32Array>('vector', { size }),
  list: () => field<number[]>('list'),
  nullable: <T>(inner: Field<T>): Field<T | null> => Object.freeze({ ...inner, nullable: true }) as Field<T | null>,
});

/** 'int32', 'string?', 'vector(8)': the way messages and `millrace explain` write a type. */
export function formatField(field: Field): string {
  const base = field.dtype === 'vector' ? `vector(${field.size ?? '?'})` : field.bigint === true ? 'bigint' : field.dtype;
  return field.nullable ? `${base}?` : base;
}

/** '{date: timestamp, origin: string}' */
export function formatSchema(schema: Schema): string {
  return `{${Object.entries(schema)
    .map(([name, column]) => `${name}: ${formatField(column)}`)
    .join(', ')}}`;
}

export function sameField(a: Field, b: Field): boolean {
  return a.dtype === b.dtype && a.nullable === b.nullable && a.size === b.size && (a.bigint ?? false) === (b.bigint ?? false);
}

/** Same names, types and order. */
export function sameSchema(a: Schema, b: Schema): boolean {
  const left = Object.entries(a);
  const right = Object.entries(b);
  return left.length === right.length && left.every(([name, column], i) => right[i]?.[0] === name && sameField(column, right[i][1]));
}
