import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { kafkaTest } from '../kafka/kafka-test.js';
import { root, Sandbox } from './millrace.js';

kafkaTest('make demo-kafka: flights through a topic, learned by two workers, predictions in another topic exactly once', async () => {
  const sandbox = new Sandbox();
  try {
    const child = spawn(process.execPath, ['dist/examples/flights-kafka/demo.js', '--flights', '6000', '--per-second', '3000'], {
      cwd: root,
      env: { ...process.env, MILLRACE_RUNTIME_DIR: sandbox.path('run'), MILLRACE_STATE_DIR: sandbox.path('state'), NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    assert.equal(child.exitCode, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /topic 'predictions': 6000 flights, 0 missing, 0 more than once\n$/);
    assert.match(stdout, /flights read, +\d+ predicted and learned, lag +\d+, newest was +[\d.]+ s old/);
  } finally {
    await sandbox.close();
  }
});
