import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const root = new URL('../../../../src/', import.meta.url);

/** Loads a module in a fresh process, and tells what a thread of it then finds. */
function foundByThread(module: string): string {
  const thread = `import { getEnvironmentData } from 'node:worker_threads'; console.log(getEnvironmentData('millrace.tensorflow.tfjs-start') instanceof SharedArrayBuffer)`;
  const main = `import { Worker } from 'node:worker_threads'; await import(${JSON.stringify(new URL(module, root).href)}); new Worker(${JSON.stringify(thread)}, { eval: true })`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', main], { encoding: 'utf8', timeout: 60_000 }).trim();
}

for (const module of ['index.js', 'tensorflow/index.js', 'tensorflow/model/index.js', 'inference/index.js'])
  test(`threads share the memory of native code where the main thread has only loaded ${module}`, () => {
    assert.equal(foundByThread(module), 'true');
  });
