import fc from 'fast-check';
import { t, type Field, type Schema } from '../../../src/memory/schema.js';

/** A column of each dtype, and one of each that may be null. */
export const everyField: Readonly<Record<string, Field>> = {
  bool: t.bool(),
  int8: t.int8(),
  int16: t.int16(),
  int32: t.int32(),
  int64: t.int64(),
  bigint: t.bigint(),
  uint8: t.uint8(),
  uint16: t.uint16(),
  uint32: t.uint32(),
  float16: t.float16(),
  float32: t.float32(),
  float64: t.float64(),
  string: t.string(),
  bytes: t.bytes(),
  timestamp: t.timestamp(),
  vector: t.vector(3),
  list: t.list(),
};

export const everySchema: Schema = {
  ...everyField,
  ...Object.fromEntries(Object.entries(everyField).map(([name, field]) => [`${name}?`, t.nullable(field)])),
};

/** Texts that formats like to get wrong. */
const oddText = fc.oneof(
  fc.constantFrom('', ' ', '"', '""', ',', 'a,b', '\n', '\r\n', '\r', 'null', 'NA', '\ufeff', '\u2028', '\0', 'ünïcödé', '漢字', '🙂', "'", '\\', '{}', '1e5'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
);

// -0 is not kept by text formats, which write 0.
const withoutMinusZero = (value: number): number => (value === 0 ? 0 : value);
const half = fc.constantFrom(0, 1, -1, 0.5, -2.25, 65504, -65504, 2 ** -24, 1024, NaN, Infinity, -Infinity);

function present(field: Field): fc.Arbitrary<unknown> {
  switch (field.dtype) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32768, max: 32767 });
    case 'int32':
      return fc.integer();
    case 'int64':
      return field.bigint === true ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.maxSafeInteger();
    case 'uint8':
      return fc.integer({ min: 0, max: 255 });
    case 'uint16':
      return fc.integer({ min: 0, max: 65535 });
    case 'uint32':
      return fc.integer({ min: 0, max: 4294967295 });
    case 'float16':
      return half;
    case 'float32':
      return fc.float().map(withoutMinusZero);
    case 'float64':
      return fc.double().map(withoutMinusZero);
    case 'string':
      return oddText;
    case 'bytes':
      return fc.uint8Array({ maxLength: 9 });
    case 'timestamp':
      return fc.date({ noInvalidDate: true, min: new Date('1000-01-01'), max: new Date('9999-12-31') });
    case 'vector':
      return fc.array(fc.float().map(withoutMinusZero), { minLength: field.size ?? 0, maxLength: field.size ?? 0 }).map((values) => Float32Array.from(values));
    case 'list':
      return fc.array(fc.double().map(withoutMinusZero), { maxLength: 4 });
  }
}

export function arbitraryValue(field: Field): fc.Arbitrary<unknown> {
  return field.nullable ? fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 3, arbitrary: present(field) }) : present(field);
}

export function arbitraryRows(schema: Schema, maxLength = 12): fc.Arbitrary<Record<string, unknown>[]> {
  return fc.array(fc.record(Object.fromEntries(Object.entries(schema).map(([name, field]) => [name, arbitraryValue(field)])), { noNullPrototype: true }), {
    maxLength,
  });
}
