import { parseArgs } from 'node:util';
import { flinkVersions, missingForFlink, type FlinkVersion } from '../../flink/flink-jars.js';
import { LocalFlink } from '../../flink/local-flink.js';
import { describeFlinkCase, drawFlinkCase, flinkFaults, type FlinkCase, type FlinkFault } from './cases.js';
import { runFlinkCase, type FlinkResult } from './run-case.js';

/**
 * The counting job on a real Flink cluster (2 TaskManagers, high availability by ZooKeeper), of which parts are killed.
 *
 *     npm run chaos -- --engine flink [--runs N] [--seed S] [--fault F] [--version 1.20.3|2.2.0]
 *
 * Prints a line for each run and a table by cell; ends with 1 where a run failed. A run is drawn from its seed alone.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string' },
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string' },
    version: { type: 'string', default: '1.20.3' },
  },
});
const runs = Number(values.runs);
const first = Number(values.seed);
if (values.engine !== 'flink') throw new Error(`chaos: no engine '${values.engine}' but flink, and embedded without this option`);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(first) || first < 0) throw new Error('chaos: --runs and --seed want whole numbers');
if (values.fault !== undefined && !flinkFaults.includes(values.fault as FlinkFault))
  throw new Error(`chaos: no fault '${values.fault}' on Flink; there are: ${flinkFaults.join(', ')}`);
if (!flinkVersions.includes(values.version as FlinkVersion)) throw new Error(`chaos: no version '${values.version}'; there are: ${flinkVersions.join(', ')}`);
const missing = await missingForFlink();
if (missing !== undefined) throw new Error(missing);

type Outcome = FlinkResult | { readonly case: FlinkCase; readonly error: Error };
const outcomes: Outcome[] = [];
const cluster = await LocalFlink.start({
  version: values.version as FlinkVersion,
  // Each TaskManager could hold the job alone: the other one is there when it is killed.
  ...{ taskManagers: 2, slots: 4, highAvailability: true },
  configuration: { 'cluster.evenly-spread-out-slots': 'true', 'heartbeat.interval': '500', 'heartbeat.timeout': '5000' },
});
const end = (): void => void cluster.close().finally(() => process.exit(130));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
console.log(`${runs} runs from seed ${first} on Flink ${values.version}`);
try {
  for (let seed = first; seed < first + runs; seed++) {
    const chaos = drawFlinkCase(seed, values.fault as FlinkFault | undefined);
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
