import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { flinkTest } from '../flink/flink-test.js';
import { writeFlights } from './first-flights.js';
import { root, Sandbox } from './millrace.js';

const flightCount = 60_000;

flinkTest('make demo-flink: two TaskManagers predict each flight once and learn as well as one machine does', async () => {
  const sandbox = new Sandbox();
  try {
    const input = sandbox.path('flights.parquet');
    await writeFlights(input, flightCount);
    const embedded = await sandbox.run('run', 'examples/flight-delays/job.ts', '--set', `input=${input}`, '--set', `output=${sandbox.path('embedded')}`);
    assert.equal(embedded.code, 0, embedded.stderr);
    const child = spawn(
      process.execPath,
      [
        'dist/examples/flights-flink/demo.js',
        '--input',
        input,
        '--output',
        sandbox.path('flink'),
        '--embedded',
        sandbox.path('embedded'),
        '--version',
        '1.20.3',
      ],
      {
        cwd: root,
        env: { ...process.env, MILLRACE_RUNTIME_DIR: sandbox.path('run'), MILLRACE_STATE_DIR: sandbox.path('state'), NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    assert.equal(child.exitCode, 0, `${stdout}\n${stderr}`);
    const lines = [...stdout.matchAll(/^(Flink|on one machine) +AUC ([\d.]+), .* over the last (\d+) flights; (\d+) flights, (\d+) rows/gm)];
    assert.deepEqual(
      lines.map(([, name, , last, predicted, rows]) => [name, Number(last), Number(predicted), Number(rows)]),
      ['Flink', 'on one machine'].map((name) => [name, flightCount / 5, flightCount, flightCount]),
    );
    const [onFlink, onOne] = lines.map(([, , auc]) => Number(auc)) as [number, number];
    assert.ok(Math.abs(onFlink - onOne) < 0.02, `AUC ${onFlink} on Flink, ${onOne} on one machine`);
  } finally {
    await sandbox.close();
  }
});
