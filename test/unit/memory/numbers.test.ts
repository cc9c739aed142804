import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromFloat16, toFloat16 } from '../../../src/memory/float16.js';
import { readInt64, wordsOf, writeInt64 } from '../../../src/memory/int64.js';
import { copyBytes } from '../../../src/memory/copy.js';
import { decodeText, encodeTexts } from '../../../src/memory/text.js';

test('every float16 goes to a number and back', () => {
  for (let half = 0; half < 65536; half++) {
    const value = fromFloat16(half);
    if (Number.isNaN(value)) assert.equal(toFloat16(value), 0x7e00);
    else assert.equal(toFloat16(value), half);
  }
});

test('float16 rounds to the nearest, ties to even', () => {
  const halves: [number, number][] = [
    [65504, 0x7bff],
    [65519.9, 0x7bff],
    [65520, 0x7c00],
    [2 ** -25, 0],
    [2 ** -25 * 1.001, 1],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [-0, 0x8000],
  ];
  for (const [value, half] of halves) assert.equal(toFloat16(value), half, String(value));
});

test('int64 words agree with BigInt64Array', () => {
  const cells = new BigInt64Array(1);
  const words = wordsOf(cells);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1025n }).map(Number)), (value) => {
      writeInt64(words, 0, value);
      assert.equal(cells[0], BigInt(value));
      assert.equal(readInt64(words, 0), value + 0);
    }),
  );
});

test('copies are right at every alignment, private and shared', () => {
  fc.assert(
    fc.property(fc.nat(16), fc.nat(16), fc.nat(600), fc.boolean(), fc.boolean(), (from, at, length, isSourceShared, isTargetShared) => {
      const memory = (isShared: boolean): Uint8Array => new Uint8Array(isShared ? new SharedArrayBuffer(1024) : new ArrayBuffer(1024));
      const source = memory(isSourceShared).map((_, i) => (i * 7) & 255);
      const whole = memory(isSourceShared);
      whole.set(source);
      const target = memory(isTargetShared);
      copyBytes(target, at, whole.subarray(from, from + length));
      assert.ok(target.every((byte, i) => byte === (i >= at && i < at + length ? source[from + i - at] : 0)));
    }),
  );
});

test('texts survive UTF-8, a lone surrogate becomes U+FFFD, short or long', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 3 }), fc.string({ minLength: 40, maxLength: 90, unit: 'grapheme' }))),
      (texts) => {
        const { offsets, values } = encodeTexts(texts);
        const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
        texts.forEach((text, i) => {
          assert.equal(decodeText(buffer, offsets[i] as number, offsets[i + 1] as number), Buffer.from(text).toString());
        });
      },
    ),
  );
});
