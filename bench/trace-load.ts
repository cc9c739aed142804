/**
 * From the start of the demo's training session to the gradients of its first batch, with tfjs loaded: its layers are made,
 * traced, loaded and run. Each time in a process of its own. Baseline: the same with execution: 'eager'.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lateness } from '../examples/flight-delays/model.js';
import { loadTfjs } from '../src/tensorflow/index.js';
import { compare, seconds, type BenchResult } from './harness.js';
import { flightBatch } from './flight-rows.js';

const rounds = 5;
const batchSize = 512;
const self = fileURLToPath(import.meta.url);
const deadlineMs = 60_000;

export async function loading(): Promise<BenchResult[]> {
  return [await compare('first-gradients-of-the-demo', 's', { rounds, subject: () => inProcess('traced'), baseline: () => inProcess('eager') })];
}

async function inProcess(execution: Execution): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [self, execution], { timeout: deadlineMs });
  return Number(stdout);
}

type Execution = 'traced' | 'eager';

if (process.argv[1] === self) {
  await loadTfjs();
  const batch = flightBatch(batchSize, 0);
  const took = await seconds(async () => {
    const session = await lateness('days').openTraining({ seed: 1, execution: process.argv[2] as Execution });
    await session.gradients(batch);
  });
  console.log(took);
  process.exit();
}
