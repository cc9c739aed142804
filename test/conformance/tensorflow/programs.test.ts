import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loadTfjs, trace } from '../../../src/tensorflow/index.js';
import type { Tensor, Variable } from '../../../src/tensorflow/model/tfjs-types.js';
import { assertClose, numbersOf, tidied } from './close.js';
import { programs, programText, runProgram, type Line } from './random-program.js';
import { numbers } from './seeded.js';

const tf = await loadTfjs();
const sizes = [4, 1, 2, 7, 33];
const tolerance = 1e-5;
const runs = 60;

function inputsOf(rows: number): [Tensor, Tensor] {
  return [tf.tensor(numbers(rows * 4, rows), [rows, 4]), tf.tensor(numbers(rows * 12, rows + 1), [rows, 3, 4])];
}

/** Last value, loss and gradients of both variables. */
function withGradients(lines: readonly Line[], variables: readonly [Variable, Variable], inputs: readonly [Tensor, Tensor]) {
  const { last } = runProgram(tf, lines, inputs, variables);
  const { value, grads } = tf.variableGrads(() => runProgram(tf, lines, inputs, variables).loss, [...variables]);
  return { last, value, grads: variables.map(({ name }) => (grads as unknown as Readonly<Record<string, Tensor>>)[name]!) };
}

function runsEagerly(work: () => unknown): boolean {
  try {
    tidied(tf, work);
    return true;
  } catch {
    return false;
  }
}

async function check(lines: readonly Line[]): Promise<void> {
  const variables = [tf.variable(tf.tensor(numbers(12, 5), [3, 4])), tf.variable(tf.tensor(numbers(16, 6), [4, 4]))] as const;
  const run = (x: Tensor, y: Tensor) => withGradients(lines, variables, [x, y]);
  const example = inputsOf(2);
  // What TensorFlow.js itself cannot do is passed over (fast-check fails where that is most of the programs).
  fc.pre(runsEagerly(() => run(...example)));
  const traced = await trace(run as never, example as never, { name: programText(lines) });
  tf.dispose(example);
  try {
    for (const rows of sizes) {
      const inputs = inputsOf(rows);
      const expected = tidied(tf, () => {
        const { last, value, grads } = run(...inputs);
        return [last, value, ...grads].map(numbersOf);
      });
      const { last, value, grads } = await (traced as never as (...args: Tensor[]) => Promise<{ last: Tensor; value: Tensor; grads: Tensor[] }>)(...inputs);
      [last, value, ...grads].forEach((tensor, i) => {
        assertClose(numbersOf(tensor), expected[i]!, tolerance, `${['last value', 'loss', 'gradient 0', 'gradient 1'][i]!} of ${rows} rows`, 0.01);
        tensor.dispose();
      });
      tf.dispose(inputs);
    }
  } finally {
    await traced.close();
    tf.dispose([...variables]);
  }
}

describe('small random programs', () => {
  it(`agree with tfjs, values and gradients, at ${sizes.join(', ')} rows`, async () => {
    // A failure prints the seed, the path to the smallest program and the program.
    await fc.assert(fc.asyncProperty(programs, check), { numRuns: runs, seed: 20_251_126, includeErrorInReport: true });
  });
});
