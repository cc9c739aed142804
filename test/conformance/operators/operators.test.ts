import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataStream, KeyedStream, WindowedStream } from '../../../src/stream/index.js';
import { cases, columnsOnly } from './cases.js';
import { createEmbeddedEngine } from '../../../src/engines/embedded/index.js';
import { engineRunner } from './engine-runner.js';
import { events, longEvents } from './generated-events.js';
import { harnessRunner } from './harness-runner.js';
import { caseName, plainOutputs, type Event, type OperatorCase } from './operator-case.js';
import type { OperatorRunner, RunOptions } from './operator-runner.js';

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

/** At another parallelism, a case that multiplies rows by it would be two cases. */
const dependsOnParallelism = new Set(['DataStream.broadcast']);

async function equalsPlain(runner: OperatorRunner, testCase: OperatorCase, list: readonly Event[], options: RunOptions): Promise<void> {
  const actual = await runner.run(testCase, list, options);
  assert.deepEqual(actual, plainOutputs(testCase, { events: list, parallelism: options.parallelism }));
}

async function conforms(runner: OperatorRunner, testCase: OperatorCase, path: RunOptions['path']): Promise<void> {
  const cut = dependsOnParallelism.has(testCase.method) ? fc.constant(undefined) : fc.option(fc.nat(40), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(events, fc.constantFrom(1, 3), cut, fc.constantFrom(1, 2, 3), (list, parallelism, cutAt, scaledTo) =>
      equalsPlain(runner, testCase, list, { path, parallelism, cutAt, scaledTo }),
    ),
    { numRuns: 60 },
  );
}

const pathsOf = ({ method }: OperatorCase): readonly RunOptions['path'][] => (columnsOnly.has(method) ? ['columns'] : ['columns', 'rows']);

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

  for (const testCase of cases) {
    for (const path of pathsOf(testCase)) {
      it(`${caseName(testCase)}, ${path}, on the harness: equals plain code at parallelism 1 and 3, with and without a cut`, () =>
        conforms(harnessRunner, testCase, path));
    }
  }
});

/** Engines: on each, every case is a few jobs with fixed long inputs, because starting a job costs more than running it. */
const engines = [createEmbeddedEngine()];

for (const engine of engines) {
  const runner = engineRunner(engine);
  describe(`every operator on the ${runner.name}`, () => {
    for (const [index, testCase] of cases.entries()) {
      for (const path of pathsOf(testCase)) {
        for (const parallelism of [1, 3]) {
          it(`${caseName(testCase)}, ${path}, parallelism ${parallelism}: equals plain code with and without a cut`, async () => {
            const seed = index * 10 + parallelism;
            const list = longEvents(seed, 4);
            const scaledTo = dependsOnParallelism.has(testCase.method) ? parallelism : ((parallelism + index) % 3) + 1;
            for (const cutAt of [undefined, Math.floor((list.length * (index + parallelism)) / (cases.length + 4))]) {
              const where = cutAt === undefined ? 'no cut' : `a cut before event ${cutAt} to parallelism ${scaledTo}`;
              await equalsPlain(runner, testCase, list, { path, parallelism, cutAt, scaledTo }).catch((thrown: unknown) => {
                throw new Error(`seed ${seed}, ${list.length} events, ${where}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
                  cause: thrown,
                });
              });
            }
          });
        }
      }
    }
  });
}

/** Operators with state, timers and side outputs, behind sockets. */
const isolated = new Set(['KeyedStream.process', 'WindowedStream.sideOutputLate', 'DataStream.union']);

describe('operators in processes of their own on the embedded engine', () => {
  for (const [index, testCase] of cases.filter(({ method }) => isolated.has(method)).entries()) {
    it(`${caseName(testCase)}: equals plain code with a cut from parallelism 2 to 3`, async () => {
      const list = longEvents(index, 4);
      const options = { path: 'columns', parallelism: 2, cutAt: list.length >>> 1, scaledTo: 3, isolation: 'process' } as const;
      await equalsPlain(engineRunner(createEmbeddedEngine()), testCase, list, options);
    });
  }
});
