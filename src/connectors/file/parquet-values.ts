import type { DecodedArray, SchemaElement } from 'hyparquet';
import { parseDecimal, parseFloat16 } from 'hyparquet/src/convert.js';
import { readInt64, wordsOf, writeInt64 } from '../../memory/int64.js';
import type { Field } from '../../memory/schema.js';
import { ValueProblem } from '../field-codec.js';
import type { ParquetColumn } from './parquet-schema.js';
import { decodeUtf8 } from './utf8.js';
import { integerRanges } from '../../memory/integer-ranges.js';

/** Values of a column in the layout of schema.ts; JavaScript values for bool, string, bytes. */
export type Values = BigInt64Array | Int32Array | Int16Array | Int8Array | Uint32Array | Uint16Array | Uint8Array | Float32Array | Float64Array | unknown[];

/** Why single values cannot be used, by their place. */
export type BadValues = Map<number, string>;

/** Converts physical values (of a dictionary or a page) to values of the column. */
export type ConvertValues = (physical: DecodedArray, bad: BadValues) => Values;

/** An empty container for `rows` values. */
export function makeValues(field: Field, rows: number): Values {
  switch (field.dtype) {
    case 'int8':
      return new Int8Array(rows);
    case 'int16':
      return new Int16Array(rows);
    case 'int32':
      return new Int32Array(rows);
    case 'uint8':
      return new Uint8Array(rows);
    case 'uint16':
      return new Uint16Array(rows);
    case 'uint32':
      return new Uint32Array(rows);
    case 'int64':
    case 'timestamp':
      return new BigInt64Array(rows);
    case 'float32':
      return new Float32Array(rows);
    case 'float16':
    case 'float64':
      return new Float64Array(rows);
    default:
      return new Array<unknown>(rows).fill(null);
  }
}

/** @param maxValueBytes longest text or bytes taken */
export function valueConverter({ field, readAs, tree: { element } }: ParquetColumn, maxValueBytes: number): ConvertValues {
  switch (readAs) {
    case 'bool':
      return (physical) => Array.from(physical as ArrayLike<boolean>);
    case 'string':
      return byteConverter(maxValueBytes, (bytes) => decodeUtf8(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, false));
    case 'bytes':
      // The page is a view over the whole column chunk: a copy lets go of it.
      return byteConverter(maxValueBytes, (bytes) => bytes.slice());
    case 'timestamp':
      return timestampConverter(element);
    case 'integer':
      return integerConverter(field, element);
    default:
      return floatConverter(field, element);
  }
}

function byteConverter(maxValueBytes: number, convert: (bytes: Uint8Array) => unknown): ConvertValues {
  return (physical, bad) =>
    Array.from(physical as ArrayLike<Uint8Array>, (bytes, i) => {
      if (bytes.byteLength > maxValueBytes) {
        bad.set(i, `a value has ${bytes.byteLength} bytes, the limit is ${maxValueBytes} (option maxRecordBytes)`);
        return null;
      }
      try {
        return convert(bytes);
      } catch (thrown) {
        if (!(thrown instanceof ValueProblem)) throw thrown;
        bad.set(i, thrown.message);
        return null;
      }
    });
}

/** Reads place i of physical integers or floats as a number. */
function numberReader(element: SchemaElement, physical: DecodedArray): (index: number) => number {
  const unsigned = element.converted_type?.startsWith('UINT_') === true || (element.logical_type?.type === 'INTEGER' && !element.logical_type.isSigned);
  if (physical instanceof BigInt64Array) {
    const words = wordsOf(physical);
    const top = 2 ** 64;
    return unsigned ? (i) => (readInt64(words, i) + top) % top : (i) => readInt64(words, i);
  }
  const values = physical as ArrayLike<number>;
  if (unsigned && physical instanceof Int32Array) return (i) => (values[i] as number) >>> 0;
  return (i) => values[i] as number;
}

function integerConverter(field: Field, element: SchemaElement): ConvertValues {
  if (field.dtype === 'int64') return int64Converter(element);
  const [low, high] = integerRanges[field.dtype] as readonly [number, number];
  return (physical, bad) => {
    const out = makeValues(field, physical.length) as Int32Array;
    const read = numberReader(element, physical);
    for (let i = 0; i < out.length; i++) {
      const value = read(i);
      if (value < low || value > high) bad.set(i, `${value} is no ${field.dtype}`);
      else out[i] = value;
    }
    return out;
  };
}

function int64Converter(element: SchemaElement): ConvertValues {
  const unsigned64 =
    element.converted_type === 'UINT_64' ||
    (element.logical_type?.type === 'INTEGER' && element.logical_type.bitWidth === 64 && !element.logical_type.isSigned);
  return (physical, bad) => {
    if (physical instanceof BigInt64Array) {
      if (unsigned64) {
        physical.forEach((value, i) => {
          if (value < 0n) bad.set(i, `${BigInt.asUintN(64, value)} is no int64`);
        });
      }
      return physical;
    }
    const out = new BigInt64Array(physical.length);
    const words = wordsOf(out);
    const read = numberReader(element, physical);
    for (let i = 0; i < out.length; i++) writeInt64(words, i, read(i));
    return out;
  };
}

function floatConverter(field: Field, element: SchemaElement): ConvertValues {
  const scale = 10 ** -(element.scale ?? 0);
  const isDecimal = element.converted_type === 'DECIMAL' || element.logical_type?.type === 'DECIMAL';
  return (physical) => {
    const out = makeValues(field, physical.length) as Float64Array;
    if ((physical as readonly unknown[])[0] instanceof Uint8Array) {
      const parse = isDecimal ? (bytes: Uint8Array) => parseDecimal(bytes) * scale : (bytes: Uint8Array) => parseFloat16(bytes) as number;
      for (let i = 0; i < out.length; i++) out[i] = parse((physical as Uint8Array[])[i] as Uint8Array);
      return out;
    }
    const read = numberReader(element, physical);
    for (let i = 0; i < out.length; i++) out[i] = isDecimal ? read(i) * scale : read(i);
    return out;
  };
}

const dayMs = 86_400_000;

/** Milliseconds since the epoch; a time without zone counts as UTC. */
function timestampConverter(element: SchemaElement): ConvertValues {
  const divisor = ticksPerMs(element);
  return (physical) => {
    const out = new BigInt64Array(physical.length);
    const words = wordsOf(out);
    if (element.type === 'INT96') {
      (physical as unknown as bigint[]).forEach((value, i) => writeInt64(words, i, int96Ms(value)));
      return out;
    }
    if (physical instanceof BigInt64Array && divisor === 1) return physical;
    // Numbers are exact to 2^53: microseconds up to the year 2255. Nanoseconds are off by up to 256, so first to the nearest microsecond.
    const read = numberReader(element, physical);
    if (divisor === 0) for (let i = 0; i < out.length; i++) writeInt64(words, i, read(i) * dayMs);
    else if (divisor === 1_000_000) for (let i = 0; i < out.length; i++) writeInt64(words, i, Math.floor(Math.round(read(i) / 1000) / 1000));
    else for (let i = 0; i < out.length; i++) writeInt64(words, i, Math.floor(read(i) / divisor));
    return out;
  };
}

/** 0 stands for days. */
function ticksPerMs({ converted_type: converted, logical_type: logical }: SchemaElement): number {
  if (converted === 'DATE' || logical?.type === 'DATE') return 0;
  if (logical?.type === 'TIMESTAMP') return { MILLIS: 1, MICROS: 1000, NANOS: 1_000_000 }[logical.unit];
  return converted === 'TIMESTAMP_MICROS' ? 1000 : 1;
}

/** INT96 of old writers: Julian day (high 32 bits) and nanoseconds of the day (low 64 bits). */
function int96Ms(value: bigint): number {
  const julianDayOfEpoch = 2_440_588;
  return (Number(value >> 64n) - julianDayOfEpoch) * dayMs + Math.floor(Number(BigInt.asUintN(64, value)) / 1_000_000);
}
