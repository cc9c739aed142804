import { deserialize, serialize } from 'node:v8';
import { MillraceError } from '../core/errors.js';
import { bitmapBytes } from './bitmap.js';
import { ColumnBatch } from './column-batch.js';
import { arrayTypeOf, layoutOf, usedValues, valuesPerRow, type ColumnData, type ValueArray } from './column-data.js';
import { makeColumn, type DataColumn } from './column.js';
import { bytesOf, copyBytes, privateCopy } from './copy.js';
import { RowBatch } from './row-batch.js';
import { shapeOf } from './row-shape.js';
import { formatSchema, type Dtype, type Field, type Schema } from './schema.js';
import type { RecordBatch } from './batch.js';

/**
 * A batch as bytes, little endian; offsets count from the start of the payload, buffers start at multiples of 64.
 *
 * ```
 * header       0       4      5       8      12        16        20        24          28        32          64
 *              +-------+------+-------+------+---------+---------+---------+-----------+---------+-----------+
 *              | "MRB1"| form | 0     | rows | columns | bytes   | timesAt | bodyAt    | body    | schema    |
 *              | u32   | u8   |       | u32  | u32     | u32     | u32, 0: | u32       | Bytes   | hash, u32 |
 *              |       |      |       |      |         | in all  | no times|           | u32     |           |
 *              +-------+------+-------+------+---------+---------+---------+-----------+---------+-----------+
 * columns      one of these for each:    0       1       4      8            12          16         20          32
 *                                        +-------+-------+------+------------+-----------+----------+-----------+
 *                                        | dtype | flags | size | validityAt | offsetsAt | valuesAt | values    |
 *                                        | u8    | u8    | u32  | u32, 0: no | u32       | u32      | Bytes, u32|
 *                                        +-------+-------+------+------------+-----------+----------+-----------+
 * buffers      times, body, and each column's validity, offsets, values, in the layout of schema.ts
 * ```
 * form 1: columns; body = names as a JSON array. form 2: schemaless rows; body = v8.serialize of the array of rows.
 * flags: 1 nullable, 2 bigint. Fits an Arrow record batch buffer by buffer.
 */
const magic = 0x3142524d;
const formColumns = 1;
const formRows = 2;
const headerBytes = 64;
const columnBytes = 32;
const alignment = 64;

// The order is part of the format: append only.
const dtypeCodes: readonly Dtype[] = [
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'float16',
  'float32',
  'float64',
  'string',
  'bytes',
  'timestamp',
  'vector',
  'list',
];

/** Where everything of one batch goes; made once per batch. */
interface Plan {
  readonly bytes: number;
  readonly timesAt: number;
  readonly bodyAt: number;
  readonly body: Uint8Array;
  readonly columns: readonly { readonly validityAt: number; readonly offsetsAt: number; readonly valuesAt: number; readonly values: ValueArray }[];
}

/** A batch of any row type. */
interface AnyBatch {
  readonly length: number;
  readonly schema: Schema | undefined;
  readonly times: Float64Array | undefined;
  rows(): unknown[];
}

const plans = new WeakMap<AnyBatch, Plan>();
const namesBodies = new WeakMap<Schema, Uint8Array>();

/** Size of the encoding: what to ask a channel for. */
export function encodedBatchBytes(batch: AnyBatch): number {
  return planOf(batch).bytes;
}

/**
 * Writes a batch into `payload`, which is {@link encodedBatchBytes} long and starts at a multiple of 8.
 *
 * @throws SCHEMA_MISMATCH where a schemaless row holds what cannot be cloned, such as a function
 */
export function encodeBatch(batch: AnyBatch, payload: Uint8Array): void {
  const plan = planOf(batch);
  const columns = batch instanceof ColumnBatch ? batch.columns : [];
  const words = new Uint32Array(payload.buffer, payload.byteOffset, (headerBytes + columns.length * columnBytes) / 4);
  words[0] = magic;
  words[1] = batch instanceof ColumnBatch ? formColumns : formRows;
  words[2] = batch.length;
  words[3] = columns.length;
  words[4] = plan.bytes;
  words[5] = plan.timesAt;
  words[6] = plan.bodyAt;
  words[7] = plan.body.length;
  words[8] = batch.schema === undefined ? 0 : shapeOf(batch.schema).hash;
  copyBytes(payload, plan.bodyAt, plan.body);
  if (batch.times !== undefined) copyBytes(payload, plan.timesAt, bytesOf(batch.times));
  columns.forEach((column, i) => {
    writeColumn(column, plan.columns[i] as Plan['columns'][number], payload, words, (headerBytes + i * columnBytes) / 4);
  });
}

function writeColumn(column: DataColumn, place: Plan['columns'][number], payload: Uint8Array, words: Uint32Array, at: number): void {
  const { field, encoded } = column;
  words[at] = dtypeCodes.indexOf(field.dtype) | (((field.nullable ? 1 : 0) | (field.bigint === true ? 2 : 0)) << 8);
  words[at + 1] = field.size ?? 0;
  words[at + 2] = place.validityAt;
  words[at + 3] = place.offsetsAt;
  words[at + 4] = place.valuesAt;
  words[at + 5] = place.values.byteLength;
  if (encoded.validity !== undefined) copyBytes(payload, place.validityAt, encoded.validity.subarray(0, bitmapBytes(column.length)));
  if (encoded.offsets !== undefined) writeOffsets(encoded.offsets, column.length, payload, place.offsetsAt);
  copyBytes(payload, place.valuesAt, bytesOf(place.values));
}

function writeOffsets(offsets: Int32Array, length: number, payload: Uint8Array, at: number): void {
  const base = offsets[0] as number;
  const target = new Int32Array(payload.buffer, payload.byteOffset + at, length + 1);
  if (base === 0) {
    target.set(offsets.subarray(0, length + 1));
    return;
  }
  for (let i = 0; i <= length; i++) target[i] = (offsets[i] as number) - base;
}

function planOf(batch: AnyBatch): Plan {
  let plan = plans.get(batch);
  if (plan === undefined) {
    plan = makePlan(batch);
    plans.set(batch, plan);
  }
  return plan;
}

function makePlan(batch: AnyBatch): Plan {
  const columns = batch instanceof ColumnBatch ? batch.columns : [];
  let end = headerBytes + columns.length * columnBytes;
  const place = (bytes: number): number => {
    const at = (end + alignment - 1) & -alignment;
    end = at + bytes;
    return at;
  };
  const body = batch.schema === undefined ? serializedRows(batch) : namesBody(batch.schema);
  const bodyAt = place(body.length);
  const timesAt = batch.times === undefined ? 0 : place(batch.length * 8);
  const placed = columns.map((column) => {
    const { validity, offsets, values } = column.encoded;
    const used = offsets === undefined ? (values as ValueArray) : usedValues(column.encoded);
    return {
      validityAt: validity === undefined ? 0 : place(bitmapBytes(column.length)),
      offsetsAt: offsets === undefined ? 0 : place((column.length + 1) * 4),
      valuesAt: place(used.byteLength),
      values: used,
    };
  });
  return { bytes: end, timesAt, bodyAt, body, columns: placed };
}

function namesBody(schema: Schema): Uint8Array {
  let body = namesBodies.get(schema);
  if (body === undefined) {
    body = new Uint8Array(Buffer.from(JSON.stringify(shapeOf(schema).names)));
    namesBodies.set(schema, body);
  }
  return body;
}

function serializedRows(batch: AnyBatch): Uint8Array {
  try {
    return serialize(batch.rows());
  } catch (error) {
    throw new MillraceError(
      'SCHEMA_MISMATCH',
      `schemaless rows cannot cross a channel: ${(error as Error).message}; give the stream a schema, or drop that property`,
      { cause: error },
    );
  }
}

/**
 * The batch in `payload`: a view over its memory, valid as long as that is (schemaless rows are fresh objects).
 *
 * @param schema what the reader expects; undefined takes the batch as it is
 * @throws FORMAT_INVALID where the bytes are damaged or hold another schema
 */
export function decodeBatch<R = Record<string, unknown>>(payload: Uint8Array, schema: Schema | undefined): RecordBatch<R> {
  // Typed arrays need aligned memory; a payload elsewhere (out of a socket) is copied once.
  const isAligned = (payload.byteOffset & 7) === 0;
  return new BatchDecoder(isAligned ? payload : privateCopy(payload), !isAligned).decode(schema) as RecordBatch<R>;
}

class BatchDecoder {
  readonly #header: Uint32Array;
  readonly #rows: number;

  constructor(
    private readonly payload: Uint8Array,
    private readonly isOwned: boolean,
  ) {
    if (payload.length < headerBytes) throw this.invalid(`${payload.length} bytes are shorter than a header`);
    this.#header = new Uint32Array(payload.buffer, payload.byteOffset, payload.length >>> 2);
    this.#rows = this.word(2);
    if (this.word(0) !== magic) throw this.invalid('it does not start with MRB1');
    if (this.word(4) !== payload.length) throw this.invalid(`it says ${this.word(4)} bytes`);
  }

  decode(expected: Schema | undefined): RecordBatch {
    const times = this.times();
    switch (this.word(1)) {
      case formRows:
        if (expected !== undefined) throw this.invalid(`schemaless rows where ${formatSchema(expected)} is expected`);
        return new RowBatch(this.readRows(), this.isOwned || times === undefined ? times : times.slice());
      case formColumns: {
        const schema = expected ?? this.readSchema();
        this.checkSchema(schema);
        const columns = Object.values(schema).map((field, i) => this.readColumn(field, i));
        return new ColumnBatch(schema, this.#rows, columns, times, this.isOwned);
      }
      default:
        throw this.invalid(`unknown form ${this.word(1)}`);
    }
  }

  private readRows(): Record<string, unknown>[] {
    let rows: unknown;
    try {
      // Out of channel memory first: deserialized typed arrays alias what they are read from.
      rows = deserialize(privateCopy(this.span(this.word(6), this.word(7))));
    } catch (error) {
      throw this.invalid('its rows do not deserialize', error);
    }
    if (!Array.isArray(rows) || rows.length !== this.#rows) throw this.invalid('its rows are not as many as it says');
    return rows as Record<string, unknown>[];
  }

  private checkSchema(schema: Schema): void {
    const shape = shapeOf(schema);
    if (this.word(8) !== shape.hash || this.word(3) !== shape.names.length) throw this.invalid(`another schema than ${formatSchema(schema)}`);
    this.span(headerBytes, shape.names.length * columnBytes);
  }

  private readSchema(): Schema {
    const key = `${this.word(3)}:${this.word(8)}`;
    const known = decodedSchemas.get(key);
    if (known !== undefined) return known;
    const schema = this.parseSchema();
    if (decodedSchemas.size < maxDecodedSchemas && shapeOf(schema).hash === this.word(8)) decodedSchemas.set(key, schema);
    return schema;
  }

  private parseSchema(): Schema {
    let names: unknown;
    try {
      names = JSON.parse(Buffer.from(privateCopy(this.span(this.word(6), this.word(7)))).toString());
    } catch (error) {
      throw this.invalid('its column names do not parse', error);
    }
    if (!Array.isArray(names) || names.length !== this.word(3)) throw this.invalid('its columns are not as many as it says');
    this.span(headerBytes, names.length * columnBytes);
    return Object.freeze(Object.fromEntries(names.map((name, i) => [String(name), this.readField(i)])));
  }

  private readField(column: number): Field {
    const at = (headerBytes + column * columnBytes) / 4;
    const dtype = dtypeCodes[this.word(at) & 255];
    if (dtype === undefined) throw this.invalid(`column ${column} has unknown type ${this.word(at) & 255}`);
    const flags = this.word(at) >> 8;
    return Object.freeze({
      dtype,
      nullable: (flags & 1) === 1,
      ...((flags & 2) === 2 ? { bigint: true } : {}),
      ...(dtype === 'vector' ? { size: this.word(at + 1) } : {}),
    });
  }

  private readColumn(field: Field, column: number): DataColumn {
    const at = (headerBytes + column * columnBytes) / 4;
    const type = arrayTypeOf(field.dtype);
    const layout = layoutOf(field.dtype);
    const validityAt = this.word(at + 2);
    const valuesBytes = this.word(at + 5);
    const needed = layout === 'bits' ? bitmapBytes(this.#rows) : layout === 'fixed' ? this.#rows * valuesPerRow(field) * type.BYTES_PER_ELEMENT : valuesBytes;
    if (valuesBytes !== needed || valuesBytes % type.BYTES_PER_ELEMENT !== 0)
      throw this.invalid(`column ${column} holds ${valuesBytes} bytes where ${needed} are needed`);
    const data: ColumnData = {
      length: this.#rows,
      strings: undefined,
      validity: validityAt === 0 ? undefined : this.span(validityAt, bitmapBytes(this.#rows)),
      offsets: layout === 'variable' ? this.readOffsets(this.word(at + 3), valuesBytes / type.BYTES_PER_ELEMENT, column) : undefined,
      values: new type(this.payload.buffer, this.payload.byteOffset + this.checked(this.word(at + 4), valuesBytes), valuesBytes / type.BYTES_PER_ELEMENT),
    };
    if (data.validity !== undefined && !field.nullable) throw this.invalid(`column ${column} has nulls and is not nullable`);
    return makeColumn(field, data, this.isOwned);
  }

  private readOffsets(at: number, values: number, column: number): Int32Array {
    const offsets = new Int32Array(this.payload.buffer, this.payload.byteOffset + this.checked(at, (this.#rows + 1) * 4), this.#rows + 1);
    let before = 0;
    for (let i = 0; i < offsets.length; i++) {
      const offset = offsets[i] as number;
      if (offset < before) throw this.invalid(`column ${column} has descending offsets`);
      before = offset;
    }
    if (before > values) throw this.invalid(`column ${column} has offsets past its values`);
    return offsets;
  }

  private times(): Float64Array | undefined {
    const at = this.word(5);
    return at === 0 ? undefined : new Float64Array(this.payload.buffer, this.payload.byteOffset + this.checked(at, this.#rows * 8), this.#rows);
  }

  private span(at: number, bytes: number): Uint8Array {
    return this.payload.subarray(this.checked(at, bytes), at + bytes);
  }

  private checked(at: number, bytes: number): number {
    if (at % 8 !== 0 || at < headerBytes || at + bytes > this.payload.length) throw this.invalid(`a buffer at ${at} of ${bytes} bytes does not lie inside`);
    return at;
  }

  private word(index: number): number {
    return this.#header[index] as number;
  }

  private invalid(why: string, cause?: unknown): MillraceError {
    return new MillraceError('FORMAT_INVALID', `record batch of ${this.payload.length} bytes: ${why}`, { cause });
  }
}

const decodedSchemas = new Map<string, Schema>();
const maxDecodedSchemas = 1000;
