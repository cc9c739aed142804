import { strict as assert } from 'node:assert';
import { flinkSuites, flinkTest } from '../../flink/flink-test.js';
import { bridgeJar } from '../../flink/bridge.js';
import { cases, columnsOnly } from './cases.js';
import { runOnFlink, type FlinkCase } from './flink-runner.js';
import { longEvents } from './generated-events.js';
import { caseName, plainOutputs, type OperatorCase } from './operator-case.js';

/** Cases in one job: each adds four or five threads to its Node host. */
const together = 16;

// Sinks are single; with two and three subtasks before them, Flink has the same chains before and after the cut.
const parallelisms = [
  { parallelism: 2, scaledTo: 3 },
  { parallelism: 3, scaledTo: 2 },
] as const;

function flinkCase(testCase: OperatorCase, index: number, path: 'columns' | 'rows'): FlinkCase {
  const events = longEvents(index, 4);
  const scaled = parallelisms[(index + (path === 'rows' ? 1 : 0)) % 2]!;
  const scaledTo = testCase.method === 'DataStream.broadcast' ? scaled.parallelism : scaled.scaledTo;
  return {
    testCase,
    events,
    options: { path, parallelism: scaled.parallelism, scaledTo, cutAt: Math.floor((events.length * (index + 2)) / (cases.length + 4)) },
  };
}

const configuration = { 'taskmanager.memory.network.min': '128m', 'taskmanager.memory.network.max': '128m' };

flinkSuites({ configuration }, (version, cluster) => {
  for (const path of ['columns', 'rows'] as const) {
    const list = cases.flatMap((testCase, index) => (path === 'rows' && columnsOnly.has(testCase.method) ? [] : [flinkCase(testCase, index, path)]));
    for (let from = 0; from < list.length; from += together) {
      const group = list.slice(from, from + together);
      const last = group.at(-1)!.testCase;
      const which = `${caseName(group[0]!.testCase)} to ${caseName(last)}`;
      flinkTest(`operators on Flink ${version}, ${path}, ${which}: equal plain code with a savepoint and another parallelism on the way`, async () => {
        const outputs = await runOnFlink({ address: cluster().address, jar: await bridgeJar() }, group);
        for (const [i, { testCase, events, options }] of group.entries()) {
          const what = `${caseName(testCase)}, ${options.parallelism} to ${options.scaledTo}, cut before event ${options.cutAt} of ${events.length}`;
          assert.deepEqual(outputs[i], plainOutputs(testCase, { events, parallelism: options.parallelism }), what);
        }
      });
    }
  }
});
