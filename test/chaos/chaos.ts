import { parseArgs } from 'node:util';
import { missingForKafka } from '../kafka/kafka-jars.js';
import { missingKcat } from '../kafka/read-topic.js';
import { describeCase, drawCase, faultNames, isPossible, media } from './cases.js';
import { oneOf, readOptions, refuse, wholeNumber } from './command-line.js';
import { KafkaGrounds } from './kafka-grounds.js';
import { canFillDisk } from './run-case.js';
import { cellTable, failures, type Outcome } from './table.js';
import { WeightJudge } from './weights.js';

const { engine } = parseArgs({ options: { engine: { type: 'string', default: 'embedded' } }, strict: false }).values;
if (oneOf('engine', String(engine), ['embedded', 'flink']) === 'flink') {
  await import('./flink/chaos.js');
  process.exit();
}

const usage = `The counting job with random faults, as a real process with real threads and gRPC, through files and a real broker.

    npm run chaos -- [--runs N] [--seed S] [--fault F] [--through ${media.join('|')}]
    npm run chaos -- --engine flink [--help] …

--runs      how many, each of the next seed; default 20
--seed      of the first run; default 1
--fault     of every run; default: each in turn:
            ${faultNames.join('\n            ')}
--through   where records come from and go to; default: both in turn

Prints a line for each run and a table by cell; ends with 1 where a run failed, in CI also where one was left out. A run is
drawn from its seed (and the choice of faults) alone.`;

const values = readOptions(usage, {
  engine: { type: 'string' },
  runs: { type: 'string', default: '20' },
  seed: { type: 'string', default: '1' },
  fault: { type: 'string' },
  through: { type: 'string' },
});
const runs = wholeNumber('runs', values.runs, 1);
const first = wholeNumber('seed', values.seed, 0);
const fault = oneOf('fault', values.fault, faultNames);
const through = oneOf('through', values.through, media);
if (through !== undefined && fault !== undefined && !isPossible(fault, through)) refuse(`fault '${fault}' does not go through ${through}`);
const cases = Array.from({ length: runs }, (_, i) => drawCase(first + i, { fault, through }));

const without = new Map<string, string>();
const noKafka = cases.some((chaos) => chaos.through === 'kafka') ? ((await missingForKafka()) ?? (await missingKcat())) : undefined;
if (noKafka !== undefined) without.set('kafka', noKafka);
if (cases.some((chaos) => chaos.fault === 'disk full') && !canFillDisk()) without.set('disk full', 'this process may not mount a small disk');
const grounds = noKafka === undefined && cases.some((chaos) => chaos.through === 'kafka') ? await KafkaGrounds.start() : undefined;
const judge = new WeightJudge(grounds);

console.log(`${runs} runs from seed ${first}`);
const outcomes: Outcome[] = [];
let leftOut = 0;
try {
  for (const chaos of cases) {
    const missing = without.get(chaos.through) ?? without.get(chaos.fault);
    if (missing !== undefined) {
      leftOut++;
      console.log(`skipped ${describeCase(chaos)}: ${missing}`);
      continue;
    }
    try {
      const result = await judge.run(chaos);
      outcomes.push(result);
      console.log(
        `ok      ${describeCase(chaos)}; ${result.hits} hits, ${result.restarts} restarts, ${result.nodeRestarts} of a node, ${(result.durationMs / 1000).toFixed(1)} s`,
      );
    } catch (thrown) {
      outcomes.push({ case: chaos, error: thrown as Error });
      console.log(`FAILED  ${(thrown as Error).message}`);
    }
  }
} finally {
  await grounds?.close();
}

const failed = failures(outcomes);
console.log(`\n${cellTable(outcomes)}`);
console.log(
  `\n${outcomes.length} runs from seed ${first}, ${failed.length} failed${failed.length === 0 ? '' : `: seeds ${failed.map((outcome) => outcome.case.seed).join(', ')}`}` +
    (leftOut === 0 ? '' : `, ${leftOut} left out: ${[...without.values()].join('; ')}`),
);
process.exitCode = failed.length > 0 || (process.env.CI === 'true' && leftOut > 0) ? 1 : 0;
