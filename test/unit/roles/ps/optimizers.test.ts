import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOptimizer } from '../../../../src/roles/ps/index.js';
import { loadTfjs } from '../../../../src/tensorflow/eager/index.js';
import { createOptimizer as createTfjsOptimizer } from '../../../../src/tensorflow/model/optimizers.js';
import type { OptimizerSpec } from '../../../../src/tensorflow/model/trainable.js';

const specs: readonly OptimizerSpec[] = [
  { kind: 'sgd', learningRate: 0.05 },
  { kind: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: false },
  { kind: 'momentum', learningRate: 0.05, momentum: 0.9, nesterov: true },
  { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 0.1 },
  { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  { kind: 'adamax', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, decay: 0.1 },
  { kind: 'adadelta', learningRate: 0.01, rho: 0.95, epsilon: 1e-7 },
  { kind: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.5, epsilon: 1e-7, centered: false },
  { kind: 'rmsprop', learningRate: 0.01, decay: 0.9, momentum: 0.5, epsilon: 1e-7, centered: true },
];

const length = 33;
const steps = 50;

/** Deterministic, of both signs and of very different sizes; tfjs's centered rmsprop is NaN for very small first ones. */
function gradientAt(step: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(step * 1.7 + i) * 10 ** ((i % 4) - 1));
}

describe('optimizers of the parameter servers', () => {
  for (const spec of specs) {
    const name = `${spec.kind}${'nesterov' in spec && spec.nesterov ? ' with Nesterov' : ''}${'centered' in spec && spec.centered ? ', centered' : ''}`;
    it(`${name} equals tfjs's over ${steps} steps`, async () => {
      const tf = await loadTfjs();
      const reference = createTfjsOptimizer(tf, spec);
      const initial = Float32Array.from({ length }, (_, i) => Math.cos(i));
      const variable = tf.variable(tf.tensor1d(initial));
      const ours = initial.slice();
      const optimizer = createOptimizer(spec);
      const slots = optimizer.slots.map((value) => new Float32Array(length).fill(value));
      for (let step = 1; step <= steps; step++) {
        const gradient = gradientAt(step);
        const tensor = tf.tensor1d(gradient);
        reference.applyGradients([{ name: variable.name, tensor }]);
        tensor.dispose();
        optimizer.apply(ours, gradient, slots, step);
      }
      const expected = variable.dataSync();
      for (let i = 0; i < length; i++) {
        const limit = 2e-5 * Math.max(1, Math.abs(expected[i]!));
        assert.ok(Math.abs(ours[i]! - expected[i]!) <= limit, `element ${i}: ours ${ours[i]}, tfjs ${expected[i]}`);
      }
      variable.dispose();
      reference.dispose();
    });
  }
});
