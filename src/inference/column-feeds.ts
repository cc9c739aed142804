import type { Column, RecordBatch } from '../memory/batch.js';
import { formatField, type Dtype, type Field, type Schema } from '../memory/schema.js';
import type { BadRow } from '../tensorflow/model/index.js';
import { arrayTypes, describeSpec, type NumericDtype } from '../tensorflow/tensor-data.js';
import type { TensorDtype, TensorSpec, TensorValue } from '../tensorflow/tensor-value.js';

/** Columns that make up one input: one, or several numbers joined into [batch, n]. */
export interface InputColumns {
  readonly spec: TensorSpec;
  readonly columns: readonly string[];
}

const sameName: Partial<Record<Dtype, TensorDtype>> = { bytes: 'string', timestamp: 'int64', vector: 'float32' };

/** Conversions that lose nothing (int32 to float32 keeps 24 bits: what every feature pipeline does, so it is allowed). */
const widens: Readonly<Partial<Record<TensorDtype, ReadonlySet<TensorDtype>>>> = {
  float32: new Set<TensorDtype>(['bool', 'int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'float16']),
  float64: new Set<TensorDtype>(['bool', 'int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'int64', 'float16', 'float32']),
  int64: new Set<TensorDtype>(['bool', 'int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32']),
  int32: new Set<TensorDtype>(['bool', 'int8', 'int16', 'uint8', 'uint16']),
};

function tensorDtype(field: Field): TensorDtype | undefined {
  if (field.dtype === 'list') return undefined;
  return sameName[field.dtype] ?? (field.dtype as TensorDtype);
}

/** What keeps these columns from being this input, one sentence each. */
export function inputProblems({ spec, columns }: InputColumns, schema: Schema): readonly string[] {
  const problems: string[] = [];
  const wanted = `input '${spec.name}', which is ${describeSpec(spec.dtype, spec.shape)}`;
  let width = 0;
  for (const name of columns) {
    const field = schema[name];
    if (field === undefined) {
      problems.push(`${wanted}, reads column '${name}', which the stream does not have; it has ${Object.keys(schema).join(', ')}`);
      continue;
    }
    const dtype = tensorDtype(field);
    if (dtype === undefined || (dtype !== spec.dtype && widens[spec.dtype]?.has(dtype) !== true))
      problems.push(`${wanted}, cannot be fed from column '${name}', which is ${formatField(field)}`);
    else if (field.nullable) problems.push(`${wanted}, cannot be fed from column '${name}', which is nullable: filter nulls out or fill them`);
    width += field.dtype === 'vector' ? (field.size as number) : 1;
  }
  if (problems.length === 0 && shapeOf(spec, width, columns.length) === undefined)
    problems.push(`${wanted}, cannot be fed from ${width} value${width === 1 ? '' : 's'} per row (${columns.join(', ')})`);
  return problems;
}

/** Shape per row that `width` values take in this input; undefined where they do not fit. */
function shapeOf({ shape }: TensorSpec, width: number, columnCount: number): readonly number[] | undefined {
  if (shape === undefined) return width === 1 && columnCount === 1 ? [] : [width];
  if (shape.length === 0) return undefined;
  const rest = shape.slice(1);
  const unknown = rest.filter((size) => size < 0).length;
  const known = rest.reduce((product, size) => (size < 0 ? product : product * size), 1);
  if (unknown === 0) return known === width ? rest : undefined;
  return unknown === 1 && width % known === 0 ? rest.map((size) => (size < 0 ? width / known : size)) : undefined;
}

/** The input's tensor for a batch; a view of the column's memory where dtype and layout agree. */
export function feedInput({ spec, columns }: InputColumns, batch: RecordBatch): TensorValue {
  const read = columns.map((name) => batch.column(name));
  const widths = read.map(({ field }) => (field.dtype === 'vector' ? (field.size as number) : 1));
  const width = widths.reduce((sum, each) => sum + each, 0);
  const shape = [batch.length, ...(shapeOf(spec, width, columns.length) ?? [width])];
  const only = read.length === 1 ? (read[0] as Column) : undefined;
  if (spec.dtype === 'string') return { dtype: 'string', shape, data: (only as Column).toArray() as string[] };
  if (only !== undefined && only.values !== undefined && only.field.dtype !== 'bool' && tensorDtype(only.field) === spec.dtype)
    return { dtype: spec.dtype, shape, data: only.values as Float32Array };
  const data = new arrayTypes[spec.dtype](batch.length * width);
  let at = 0;
  read.forEach((column, i) => {
    fill(data, column, { at, width, size: widths[i] as number });
    at += widths[i] as number;
  });
  return { dtype: spec.dtype, shape, data };
}

function fill(data: InstanceType<(typeof arrayTypes)[NumericDtype]>, column: Column, { at, width, size }: { at: number; width: number; size: number }): void {
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const into = data as Record<number, number | bigint>;
  for (let row = 0; row < column.length; row++) {
    const value = column.get(row) as number | bigint | boolean | Date | ArrayLike<number> | null;
    for (let k = 0; k < size; k++) {
      const cell = size === 1 && typeof value !== 'object' ? value : value instanceof Date ? value.getTime() : ((value as ArrayLike<number> | null)?.[k] ?? 0);
      into[row * width + at + k] = isBig ? BigInt(cell) : Number(cell);
    }
  }
}

/** Rows with a null in a column that an input needs. */
export function nullRows(inputs: readonly InputColumns[], batch: RecordBatch): readonly BadRow[] {
  const bad: BadRow[] = [];
  for (const { spec, columns } of inputs) {
    for (const name of columns) {
      const column = batch.column(name);
      if (column.nullCount === 0) continue;
      for (let row = 0; row < batch.length; row++) if (column.isNull(row)) bad.push({ row, column: name, cause: `null; input '${spec.name}' needs a value` });
    }
  }
  return bad;
}
