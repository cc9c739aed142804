import { parseArgs } from 'node:util';
import { describeCase, drawCase, faultNames, type ChaosCase, type FaultName } from './cases.js';
import { canFillDisk, runCase, type ChaosResult } from './run-case.js';

/**
 * The counting job with random faults, as a real process with real threads and gRPC.
 *
 *     npm run chaos -- [--runs N] [--seed S] [--fault F]
 *
 * Prints a line for each run and a table by cell; ends with 1 where a run failed. A run is drawn from its seed alone.
 */
const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' }, fault: { type: 'string' } } });
const runs = Number(values.runs);
const first = Number(values.seed);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(first)) throw new Error('chaos: --runs and --seed want whole numbers');
if (values.fault !== undefined && !faultNames.includes(values.fault as FaultName))
  throw new Error(`chaos: no fault '${values.fault}'; there are: ${faultNames.join(', ')}`);

const hasDisk = canFillDisk();
if (!hasDisk) console.log("this process may not mount a small disk: fault 'disk full' is left out");
const results: (ChaosResult | { readonly case: ChaosCase; readonly error: Error })[] = [];
for (let i = 0; i < runs; i++) {
  const chaos = drawCase(first + i, values.fault as FaultName | undefined);
  if (chaos.fault === 'disk full' && !hasDisk) continue;
  try {
    const result = await runCase(chaos);
    results.push(result);
    console.log(`ok      ${describeCase(chaos)}; ${result.hits} hits, ${result.restarts} restarts, ${(result.durationMs / 1000).toFixed(1)} s`);
  } catch (thrown) {
    results.push({ case: chaos, error: thrown as Error });
    console.log(`FAILED  ${(thrown as Error).message}`);
  }
}

console.log(`\n${'fault'.padEnd(36)} mode  runs  hits  restarts  failed`);
for (const fault of faultNames) {
  for (const mode of ['bsp', 'asp'] as const) {
    const cell = results.filter((result) => result.case.fault === fault && result.case.mode === mode);
    if (cell.length === 0) continue;
    const sum = (of: 'hits' | 'restarts'): number => cell.reduce((so, result) => so + ('error' in result ? 0 : result[of]), 0);
    const failed = cell.filter((result) => 'error' in result).length;
    console.log(
      `${fault.padEnd(36)} ${mode}  ${[cell.length, sum('hits'), sum('restarts'), failed].map((n, c) => String(n).padStart([4, 4, 8, 6][c]!)).join('  ')}`,
    );
  }
}
const failed = results.filter((result) => 'error' in result);
console.log(
  `\n${results.length} runs from seed ${first}, ${failed.length} failed${failed.length === 0 ? '' : `: seeds ${failed.map((result) => result.case.seed).join(', ')}`}`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
