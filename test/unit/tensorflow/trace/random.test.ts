import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadTfjs, trace, type TraceOptions } from '../../../../src/tensorflow/index.js';
import type { Tensor } from '../../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();
const example = tf.ones([4, 50]);

async function draws(fn: (x: Tensor) => Tensor, options?: TraceOptions): Promise<Float32Array[]> {
  const f = await trace(fn as never, example, options);
  const drawn = Array.from({ length: 3 }, () => (f as unknown as { valuesSync(x: Tensor): { data: Float32Array } }).valuesSync(example).data);
  await f.close();
  return drawn;
}

const operations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  'randomUniform': (x) => tf.randomUniform(x.shape, -2, 4),
  'randomNormal': (x) => tf.randomNormal(x.shape, 1, 2),
  'truncatedNormal': (x) => tf.truncatedNormal(x.shape, 1, 2),
  'dropout': (x) => tf.dropout(x, 0.5),
  'multinomial': (x) => tf.cast(tf.multinomial(tf.reshape(tf.slice(x, [0, 0], [1, 2]), [2]) as never, 200), 'float32'),
  'a shape that does not follow the rows': () => tf.randomUniform([30]),
}; // prettier-ignore

describe('random operations', () => {
  for (const [name, fn] of Object.entries(operations)) {
    it(`${name} draws anew in each call, and the same calls from the same seed`, async () => {
      const [a, again, other] = [await draws(fn, { seed: 1 }), await draws(fn, { seed: 1 }), await draws(fn, { seed: 2 })];
      assert.notDeepEqual(a[0], a[1]);
      assert.notDeepEqual(a[1], a[2]);
      if (name !== 'multinomial') assert.deepEqual(a, again);
      assert.notDeepEqual(a, other);
      assert.notDeepEqual(await draws(fn), await draws(fn));
    });
  }
  it('keep their bounds', async () => {
    for (const drawn of await draws(operations['randomUniform']!)) assert.ok(drawn.every((value) => value >= -2 && value < 4) && Math.max(...drawn) > 3);
    for (const drawn of await draws(operations['truncatedNormal']!)) assert.ok(drawn.every((value) => Math.abs(value - 1) <= 4.001));
  });
  it("two of a program draw apart, two of one caller's seed alike", async () => {
    const apart = await draws((x) => tf.sub(tf.randomUniform(x.shape), tf.randomUniform(x.shape)), { seed: 1 });
    assert.ok(apart.every((drawn) => drawn.some((value) => value !== 0)));
    const alike = await draws((x) => tf.sub(tf.randomUniform(x.shape, 0, 1, 'float32', 'abc'), tf.randomUniform(x.shape, 0, 1, 'float32', 'abc')));
    assert.ok(alike.every((drawn) => drawn.every((value) => value === 0)));
  });
});
