import { flinkVersions, missingForFlink } from '../../flink/flink-jars.js';
import { LocalFlink } from '../../flink/local-flink.js';
import { oneOf, readOptions, refuse, wholeNumber } from '../command-line.js';
import { describeFlinkCase, drawFlinkCase, flinkFaults, type FlinkCase } from './cases.js';
import { runFlinkCase, type FlinkResult } from './run-case.js';

const usage = `The counting job on a real Flink cluster (2 TaskManagers, high availability by ZooKeeper), of which parts are killed.

    npm run chaos -- --engine flink [--runs N] [--seed S] [--fault F] [--version ${flinkVersions.join('|')}]

--runs      how many, each of the next seed; default 20
--seed      of the first run; default 1
--fault     of every run; default: each in turn: ${flinkFaults.join(', ')}
--version   of Flink; default 1.20.3

Prints a line for each run and a table by cell; ends with 1 where a run failed. A run is drawn from its seed alone.`;

const values = readOptions(usage, {
  engine: { type: 'string' },
  runs: { type: 'string', default: '20' },
  seed: { type: 'string', default: '1' },
  fault: { type: 'string' },
  version: { type: 'string', default: '1.20.3' },
});
const runs = wholeNumber('runs', values.runs, 1);
const first = wholeNumber('seed', values.seed, 0);
const fault = oneOf('fault', values.fault, flinkFaults);
const version = oneOf('version', values.version, flinkVersions);
const missing = await missingForFlink();
if (missing !== undefined) refuse(missing, 6);

type Outcome = FlinkResult | { readonly case: FlinkCase; readonly error: Error };
const outcomes: Outcome[] = [];
const cluster = await LocalFlink.start({
  ...(version === undefined ? {} : { version }),
  // Each TaskManager could hold the job alone: the other one is there when it is killed.
  ...{ taskManagers: 2, slots: 4, highAvailability: true },
  configuration: { 'cluster.evenly-spread-out-slots': 'true', 'heartbeat.interval': '500', 'heartbeat.timeout': '5000' },
});
const end = (): void => void cluster.close().finally(() => process.exit(130));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
console.log(`${runs} runs from seed ${first} on Flink ${values.version}`);
try {
  for (let seed = first; seed < first + runs; seed++) {
    const chaos = drawFlinkCase(seed, fault);
    try {
      await cluster.untilSlots(2 * cluster.slotsPerTaskManager);
      const result = await runFlinkCase(chaos, cluster);
      outcomes.push(result);
      console.log(
        `ok      ${describeFlinkCase(chaos)}; ${result.hits} hits, running again after ${seconds(result.recoveriesMs)}, ${seconds([result.durationMs])} in all`,
      );
    } catch (thrown) {
      outcomes.push({ case: chaos, error: thrown as Error });
      console.log(`FAILED  ${(thrown as Error).message}`);
    }
  }
} finally {
  await cluster.close();
}

const failed = failures(outcomes);
console.log(`\n${cellTable()}\n`);
console.log(
  `${outcomes.length} runs from seed ${first}, ${failed.length} failed${failed.length === 0 ? '' : `: seeds ${failed.map((outcome) => outcome.case.seed).join(', ')}`}`,
);
process.exitCode = failed.length > 0 ? 1 : 0;

/** A row for each fault and mode, a column for each number of workers + parameter servers; `!` failed. */
function cellTable(): string {
  const shapes = [1, 2, 3].flatMap((workers) => [1, 2].map((servers) => ({ workers, servers })));
  const lines = [row('fault', '', [...shapes.map(({ workers, servers }) => `${workers}+${servers}`), 'runs', 'hits', 'failed', 'again'])];
  for (const fault of flinkFaults) {
    for (const mode of ['bsp', 'asp'] as const) {
      const mine = outcomes.filter(({ case: chaos }) => chaos.fault === fault && chaos.mode === mode);
      if (mine.length === 0) continue;
      const cells = shapes.map(({ workers, servers }) => {
        const cell = mine.filter(({ case: chaos }) => chaos.workers === workers && chaos.servers === servers);
        return cell.length === 0 ? '.' : `${cell.length}${'!'.repeat(failures(cell).length)}`;
      });
      const exact = mine.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
      const hits = exact.reduce((sum, outcome) => sum + outcome.hits, 0);
      const recoveries = exact.flatMap(({ recoveriesMs }) => recoveriesMs).sort((a, b) => a - b);
      lines.push(
        row(fault, mode, [
          ...cells,
          `${mine.length}`,
          `${hits}`,
          `${failures(mine).length}`,
          seconds(recoveries.slice(recoveries.length >> 1, (recoveries.length >> 1) + 1)),
        ]),
      );
    }
  }
  return lines.join('\n');
}

function failures(of: readonly Outcome[]): readonly Outcome[] {
  return of.filter((outcome) => 'error' in outcome);
}

function seconds(ms: readonly number[]): string {
  return ms.length === 0 ? '-' : ms.map((each) => `${(each / 1000).toFixed(1)} s`).join(', ');
}

function row(fault: string, mode: string, cells: readonly string[]): string {
  return `${fault.padEnd(20)} ${mode.padEnd(3)} ${cells.map((cell) => cell.padStart(Math.max(6, cell.length))).join(' ')}`;
}
