import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataStream, KeyedStream, WindowedStream } from '../../../src/stream/index.js';
import { cases, columnsOnly } from './cases.js';
import { harnessRunner, type OperatorRunner } from './harness-runner.js';
import { events, shown, type OperatorCase, type PlainInput } from './operator-case.js';

/** Methods that add no operator of their own, and why they are not cases. */
const waived: Readonly<Record<string, string>> = {
  'DataStream.name': 'says what the operator is called',
  'DataStream.as': 'names an operator',
  'DataStream.to': 'sinks have a suite of their own',
  'DataStream.via': 'the layer under rebalance, broadcast and forward',
  'DataStream.transform': 'the layer under every operator',
  'DataStream.sideOutput': 'covered by every case with sides',
  'DataStream.deadLetters': 'a side output; covered by the cases with onError',
  'DataStream.withDeadLettersOf': 'moves a name, no records',
};

const runners: readonly OperatorRunner[] = [harnessRunner];

/** At another parallelism, a case that multiplies rows by it would be two cases. */
const dependsOnParallelism = new Set(['DataStream.broadcast']);

async function conforms(runner: OperatorRunner, testCase: OperatorCase, path: 'columns' | 'rows'): Promise<void> {
  const cut = dependsOnParallelism.has(testCase.method) ? fc.constant(undefined) : fc.option(fc.nat(40), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(events, fc.constantFrom(1, 3), cut, fc.constantFrom(1, 2, 3), async (list, parallelism, cutAt, scaledTo) => {
      const input: PlainInput = { events: list, parallelism };
      const actual = await runner.run(testCase, list, { path, parallelism, cutAt, scaledTo });
      assert.deepEqual(actual[''], shown(testCase.plain(input)));
      for (const [tag, plain] of Object.entries(testCase.sides ?? {})) assert.deepEqual(actual[tag], shown(plain(input)), `side output ${tag}`);
    }),
    { numRuns: 60 },
  );
}

describe('every operator', () => {
  it('is in this suite', () => {
    const classes = { DataStream, KeyedStream, WindowedStream };
    const methods = Object.entries(classes).flatMap(([name, type]) =>
      Object.getOwnPropertyNames(type.prototype)
        .filter((method) => method !== 'constructor')
        .map((method) => `${name}.${method}`),
    );
    const covered = new Set([...cases.map(({ method }) => method), ...Object.keys(waived)]);
    assert.deepEqual(
      methods.filter((method) => !covered.has(method)),
      [],
    );
    assert.deepEqual(
      [...covered].filter((method) => !methods.includes(method)),
      [],
    );
  });

  for (const runner of runners) {
    for (const testCase of cases) {
      const paths = columnsOnly.has(testCase.method) ? (['columns'] as const) : (['columns', 'rows'] as const);
      for (const path of paths) {
        it(`${testCase.method} (${testCase.what}), ${path}, on the ${runner.name}: equals plain code at parallelism 1 and 3, with and without a cut`, () =>
          conforms(runner, testCase, path));
      }
    }
  }
});
