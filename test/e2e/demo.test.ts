import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { writeFlights, type Flight } from './first-flights.js';
import { readLines, root, Sandbox } from './millrace.js';

const flightCount = 120_000;

const keyOf = (f: { readonly date: Date; readonly origin: string; readonly destination: string }): string =>
  `${f.date.toISOString()} ${f.origin} ${f.destination}`;

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

test('the demo predicts each flight once and learns, also while its workers are scaled', async () => {
  const input = sandbox.path('flights.parquet');
  const output = sandbox.path('out');
  const flights = await writeFlights(input, flightCount);
  const job = sandbox.start('run', 'examples/flight-delays/job.ts', '--set', `input=${input}`, '--set', `output=${output}`, '--json');
  const predicted = (): number => {
    const last = job.events.findLast((event) => event.event === 'progress') as { operators?: { name: string; recordsIn: number }[] } | undefined;
    return last?.operators?.find((operator) => operator.name === 'summary')?.recordsIn ?? 0;
  };
  await job.until(() => existsSync(join(output, 'model/model.json')) || predicted() > 0, 'a first version of the model', 120_000);
  const scaled = await sandbox.run('scale', 'worker=3');
  assert.equal(scaled.code, 0, scaled.stderr);
  const { code, stderr } = await job.ended;
  assert.equal(code, 0, stderr);

  const summary = JSON.parse(readFileSync(join(output, 'summary.json'), 'utf8')) as { predictions: number; auc: number; logLoss: number };
  assert.equal(summary.predictions, flightCount);
  // A week of data: far from what the whole file gives, far from a coin.
  assert.ok(summary.auc > 0.65, `AUC ${summary.auc}`);
  const file = await asyncBufferFromFile(join(output, 'scores.parquet'));
  const scores = (await parquetReadObjects({ file, compressors })) as unknown as Flight[];
  assert.deepEqual(scores.map(keyOf).sort(), flights.map(keyOf).sort());
  const model = JSON.parse(readFileSync(join(output, 'model/model.json'), 'utf8')) as { final: boolean; weightsManifest: { weights: { shape: number[] }[] }[] };
  assert.equal(model.final, true);
  const values = model.weightsManifest[0]!.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  assert.equal(readFileSync(join(output, 'model/weights.bin')).length, 4 * values);
});

test('the job of the README is the one in examples, and it trains and scores', async () => {
  const code = readFileSync(join(root, 'examples/first-job/job.ts'), 'utf8');
  assert.ok(readFileSync(join(root, 'README.md'), 'utf8').includes(code), 'README.md does not show examples/first-job/job.ts as it is');
  const { code: exit, stderr, stdout } = await sandbox.run('run', 'examples/first-job/job.ts', '--set', `output=${sandbox.path('scores.jsonl')}`);
  assert.equal(exit, 0, stderr);
  const losses = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss);
  assert.ok(losses.at(-1)! < losses[0]! / 2, `loss went from ${losses[0]} to ${losses.at(-1)}`);
  const scores = readLines(sandbox.path('scores.jsonl')) as unknown as { x: number; y: number; inside: boolean; probability: number }[];
  assert.equal(scores.length, 100_000);
});
