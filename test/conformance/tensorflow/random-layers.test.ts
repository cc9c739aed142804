import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compilePredict, loadTfjs, type CompileOptions } from '../../../src/tensorflow/index.js';
import type { LayersModel } from '../../../src/tensorflow/model/tfjs-types.js';

const tf = await loadTfjs();
const [rows, width] = [200, 50];
const count = rows * width;

interface RandomLayer {
  readonly make: () => ReturnType<typeof tf.layers.dropout>;
  readonly shape?: readonly number[];
  /** Of a layer fed with ones. */
  readonly mean: number;
  readonly variance: number;
  /** Share of the lowest value, which is what was dropped, but for alphaDropout. */
  readonly lowest: number;
}

const rate = 0.3;
// Klambauer et al. 2017 drop to alpha; TensorFlow.js 4.22 to -alpha, which is more than the ones that are kept.
const alpha = -1.7580993408473766;
const a = ((1 - rate) * (1 + rate * alpha ** 2)) ** -0.5;
const b = -a * alpha * rate;

const layers: Readonly<Record<string, RandomLayer>> = {
  dropout: { make: () => tf.layers.dropout({ rate }), mean: 1, variance: rate / (1 - rate), lowest: rate },
  spatialDropout1d: {
    make: () => tf.layers.spatialDropout1d({ rate }),
    shape: [2, width],
    mean: 1,
    variance: rate / (1 - rate),
    lowest: rate,
  },
  gaussianNoise: { make: () => tf.layers.gaussianNoise({ stddev: 0.5 }) as never, mean: 1, variance: 0.25, lowest: 0 },
  gaussianDropout: { make: () => tf.layers.gaussianDropout({ rate }) as never, mean: 1, variance: rate / (1 - rate), lowest: 0 },
  alphaDropout: {
    make: () => tf.layers.alphaDropout({ rate }) as never,
    mean: a * (1 - rate - rate * alpha) + b,
    variance: a ** 2 * (1 + alpha) ** 2 * rate * (1 - rate),
    lowest: 1 - rate,
  },
};

function modelOf({ make, shape = [width] }: RandomLayer): LayersModel {
  const input = tf.input({ shape: [...shape] });
  return tf.model({ inputs: input, outputs: make().apply(input) as typeof input });
}

async function open(layer: RandomLayer, options: CompileOptions) {
  const model = modelOf(layer);
  const warnings: string[] = [];
  const run = await compilePredict(model, { ...options, log: { warn: (message) => warnings.push(message) } });
  const x = {
    dtype: 'float32',
    shape: [rows, ...(layer.shape ?? [width])],
    data: new Float32Array(layer.shape === undefined ? count : 2 * count).fill(1),
  } as const;
  return {
    draw: async () => {
      const { data } = (await run.values(x)) as { readonly data: Float32Array };
      assert.deepEqual(warnings, []);
      return data;
    },
    close: async () => {
      await run.close();
      model.dispose();
    },
  };
}

describe('a random layer, traced', () => {
  for (const [name, layer] of Object.entries(layers)) {
    it(`${name} draws from its distribution, anew in each call`, async () => {
      const { draw, close } = await open(layer, { training: true, seed: 3 });
      const [first, second] = [await draw(), await draw()];
      assert.notDeepEqual(first, second);
      for (const drawn of [first, second]) {
        const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
        const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length;
        const lowest = Math.min(...drawn);
        const share = drawn.filter((value) => value === lowest).length / drawn.length;
        // Five standard errors of 10,000 draws: one in a million runs, and the seed is fixed.
        const error = 5 / Math.sqrt(count);
        assert.ok(Math.abs(mean - layer.mean) < error * Math.sqrt(layer.variance), `mean ${mean}, wanted ${layer.mean}`);
        assert.ok(Math.abs(variance - layer.variance) < 3 * error * layer.variance, `variance ${variance}, wanted ${layer.variance}`);
        assert.ok(Math.abs(share - layer.lowest) < error * 0.5 + 2 / count, `share ${share} of the lowest, wanted ${layer.lowest}`);
      }
      await close();
    });
    it(`${name} repeats its sequence of draws from a seed, and only then`, async () => {
      const draws: Float32Array[][] = [];
      for (const seed of [5, 5, 6, undefined, undefined]) {
        const { draw, close } = await open(layer, { training: true, ...(seed === undefined ? {} : { seed }) });
        draws.push([await draw(), await draw()]);
        await close();
      }
      assert.deepEqual(draws[0], draws[1]);
      for (const [i, j] of [[0, 2], [0, 3], [3, 4]] as const) assert.notDeepEqual(draws[i], draws[j]); // prettier-ignore
      assert.notDeepEqual(draws[0]![0], draws[0]![1]);
    });
    it(`${name} does nothing outside training`, async () => {
      const { draw, close } = await open(layer, { training: false });
      assert.ok((await draw()).every((value) => value === 1));
      await close();
    });
  }
  it('spatialDropout1d drops whole channels of a row', async () => {
    const { draw, close } = await open(layers['spatialDropout1d']!, { training: true, seed: 3 });
    const drawn = await draw();
    for (let row = 0; row < rows; row++)
      for (let channel = 0; channel < width; channel++) assert.equal(drawn[row * 2 * width + channel], drawn[(row * 2 + 1) * width + channel]);
    await close();
  });
});
