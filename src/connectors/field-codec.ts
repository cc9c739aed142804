import type { Field } from '../memory/schema.js';
import { formatField } from '../memory/schema.js';
import { integerRanges } from '../memory/integer-ranges.js';

/** Why a value does not fit its column; the source makes a dead letter of it. */
export class ValueProblem extends Error {}

export type DecodeValue = (value: unknown) => unknown;

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/** Numbers that JSON cannot write. */
const words: Readonly<Record<string, number>> = { NaN, Infinity, '-Infinity': -Infinity };

function integer(value: unknown, [low, high]: readonly [number, number]): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high ? value : undefined;
}

function float(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && Object.hasOwn(words, value) ? words[value] : undefined;
}

function int64(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined;
  const parsed = BigInt(value);
  return parsed >= minInt64 && parsed <= maxInt64 ? parsed : undefined;
}

// Date.parse takes much more than ISO 8601, differently in each time zone.
const isoDate = /^[+-]?\d{4,6}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?$/;

function timestamp(value: unknown): Date | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && isoDate.test(value))) return undefined;
  // Without an offset a time means UTC, not the time zone of the machine.
  const text = typeof value === 'string' && value.length > 10 && !/(Z|[+-]\d\d:?\d\d)$/.test(value) ? `${value.replace(' ', 'T')}Z` : value;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function bytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  const buffer = Buffer.from(value, 'base64');
  // A copy, because small Buffers share one pool.
  return new Uint8Array(buffer);
}

function numbers(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const decoded = value.map(float);
  return decoded.some((item) => item === undefined) ? undefined : (decoded as number[]);
}

function vector(value: unknown, size: number | undefined): Float32Array | undefined {
  const decoded = numbers(value);
  return decoded?.length === size ? Float32Array.from(decoded as number[]) : undefined;
}

function decodePresent(field: Field, value: unknown): unknown {
  const range = integerRanges[field.dtype];
  if (field.bigint === true) return int64(value);
  if (range !== undefined) return integer(value, range);
  switch (field.dtype) {
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'bytes':
      return bytes(value);
    case 'timestamp':
      return timestamp(value);
    case 'vector':
      return vector(value, field.size);
    case 'list':
      return numbers(value);
    default:
      return float(value);
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * From a JSON value to a value of rows: ISO 8601 text or milliseconds for a timestamp, base64 for bytes, number or decimal
 * text for a bigint, 'NaN' and 'Infinity' for floats; null or absent for a missing value.
 *
 * The returned function throws {@link ValueProblem}.
 */
export function jsonDecoder(name: string, field: Field): DecodeValue {
  return (value) => {
    if (value === null || value === undefined) {
      if (field.nullable) return null;
      throw new ValueProblem(`column '${name}' is ${value === null ? 'null' : 'missing'}, and is not nullable`);
    }
    const decoded = decodePresent(field, value);
    if (decoded === undefined) throw new ValueProblem(`column '${name}': ${show(value)} is no ${formatField(field)}`);
    return decoded;
  };
}

/** Decimal numbers as CSV carries them; not what Number() takes besides (hex, blanks, the empty text). */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const truths: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  True: true,
  False: false,
  TRUE: true,
  FALSE: false,
  '1': true,
  '0': false,
  t: true,
  f: false,
};

/** Text of a CSV field as the JSON value it stands for. */
function fromText(field: Field, text: string): unknown {
  switch (field.dtype) {
    case 'string':
    case 'bytes':
      return text;
    case 'timestamp':
      return /^-?\d+$/.test(text) && text.length > 8 ? Number(text) : text;
    case 'bool':
      return truths[text];
    case 'vector':
    case 'list':
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return undefined;
      }
    default:
      if (field.bigint === true) return text;
      return decimal.test(text) ? Number(text) : text;
  }
}

/** From the text of one CSV field to a value of rows. The returned function throws {@link ValueProblem}. */
export function textDecoder(name: string, field: Field): (text: string) => unknown {
  return (text) => {
    const decoded = decodePresent(field, fromText(field, text));
    if (decoded === undefined) throw new ValueProblem(`column '${name}': ${show(text)} is no ${formatField(field)}`);
    return decoded;
  };
}

/**
 * From a value of rows to what JSON.stringify writes well: Dates as ISO 8601 text, bigints as decimal text (a JSON number
 * loses digits beyond 2^53 in most readers), bytes as base64, typed arrays as arrays, NaN and the infinities as text.
 */
export function toJson(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return value.toString();
    case 'object':
      return objectToJson(value);
    default:
      return value;
  }
}

function objectToJson(value: object | null): unknown {
  if (value === null) return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? null : Array.from(value as unknown as ArrayLike<unknown>, toJson);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), toJson(inner)]));
  if (value instanceof Set) return [...value].map(toJson);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
}
