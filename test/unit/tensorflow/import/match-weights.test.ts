import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchWeights } from '../../../../src/tensorflow/import/match-weights.js';

/** Stored variables by name; `name = key` gives a key of its own. */
const stored = (...names: string[]) =>
  names.map((text) => {
    const [name = '', key = name] = text.split(' = ');
    return { name, key, dtype: 'float32' as const };
  });

const match = (weights: string[], variables: string[], names: Record<string, string> = {}) => {
  const { matches, problems } = matchWeights(weights, stored(...variables), names);
  return { keys: Object.fromEntries(matches.map(({ weight, stored: found }) => [weight, found.map(({ key }) => key).join(' ')])), problems };
};

test('a weight takes the variable of its name before one whose path contains it', () => {
  assert.deepEqual(match(['d/kernel', 'd/bias'], ['a/d/kernel', 'd/kernel', 'd/bias:0', 'adam/d/bias_m']), {
    keys: { 'd/kernel': 'd/kernel', 'd/bias': 'd/bias:0' },
    problems: [],
  });
});

test("a path with the weight's parts in order fits; names that tfjs adds inside a layer count without their number", () => {
  assert.deepEqual(
    match(['rec/kernel', 'bi/forward_lstm_LSTM12/bias'], ['m/rec/lstm_cell/kernel', 'rec/lstm_cell/recurrent_kernel', 'bi/forward_lstm/lstm_cell/bias']),
    {
      keys: { 'rec/kernel': 'm/rec/lstm_cell/kernel', 'bi/forward_lstm_LSTM12/bias': 'bi/forward_lstm/lstm_cell/bias' },
      problems: [],
    },
  );
  assert.deepEqual(match(['dense_Dense1/kernel', 'b/a/w'], ['dense/kernel', 'a/b/w']).problems, [
    'weight "dense_Dense1/kernel": no variable fits',
    'weight "b/a/w": no variable fits',
  ]);
});

test('copies of one name come back together, different names that fit are a problem', () => {
  assert.deepEqual(match(['d/w'], ['d/w = one', 'd/w = two']), { keys: { 'd/w': 'one two' }, problems: [] });
  assert.deepEqual(match(['d/w'], ['x/d/w', 'y/d/w']), {
    keys: {},
    problems: ['weight "d/w": several variables fit: "x/d/w", "y/d/w"; say in "names" which one is meant'],
  });
});

test('given names come first, by name or key, and must be right', () => {
  assert.deepEqual(match(['d/w', 'd/b'], ['d/w', 'other = path/other', 'd/b'], { 'd/w': 'other', 'd/b': 'path/other' }), {
    keys: { 'd/w': 'path/other', 'd/b': 'path/other' },
    problems: ['weights "d/w" and "d/b" both fit the variable "other"; say in "names" which one is meant'],
  });
  assert.deepEqual(match(['d/w'], ['d/w'], { 'd/w': 'lost', 'e/w': 'd/w' }).problems, [
    '"names" has "e/w", which is no weight of the model',
    'weight "d/w": the SavedModel has no variable "lost"',
  ]);
});

test('two weights of one name are a problem', () => {
  assert.deepEqual(match(['d/w', 'd/w'], ['d/w']).problems, ['the model has two weights "d/w": give its layers different names']);
});
