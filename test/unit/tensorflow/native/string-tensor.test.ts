import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, cApi } from '../../../../src/tensorflow/native/c-api.js';
import { readStringTensor } from '../../../../src/tensorflow/native/string-tensor.js';

test('all four kinds of TensorFlow strings are read', () => {
  const small = 'small';
  const [large, offset, view] = ['large, in a block of its own', 'offset, behind the table', 'view of memory of somebody else'] as const;
  const texts = new Uint8Array(Buffer.from(large + view));
  const block = Buffer.from(new SharedArrayBuffer(4 * 24 + offset.length));
  block[0] = small.length << 2;
  block.write(small, 1);
  block.writeBigUInt64LE((BigInt(large.length) << 2n) | 1n, 24);
  block.writeBigUInt64LE(BigInt(large.length), 32);
  block.writeBigUInt64LE(addressOf(texts), 40);
  block.writeUInt32LE((offset.length << 2) | 2, 48);
  // From the start of its own element.
  block.writeUInt32LE(2 * 24, 52);
  block.writeUInt32LE(1, 56);
  block.writeBigUInt64LE((BigInt(view.length) << 2n) | 3n, 72);
  block.writeBigUInt64LE(addressOf(texts) + BigInt(large.length), 80);
  block.write(offset, 4 * 24);
  const read = readStringTensor(cApi(), addressOf(block), 4).map(String);
  assert.deepEqual(read, [small, large, offset, view]);
});
