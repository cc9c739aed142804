/** A thread that calls a function of another one: for bench/trace-threads.ts. It answers each number of ms with a rate. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachTraced, type TracedHandle } from '../src/tensorflow/index.js';
import { callRate } from './harness.js';

const { handle, inputs } = workerData as { readonly handle: TracedHandle; readonly inputs: readonly unknown[] };
const step = attachTraced(handle);
step.valuesSync(...inputs);
parentPort!.on('message', (ms: number) => {
  void callRate(() => step.valuesSync(...inputs), ms).then((rate) => {
    parentPort!.postMessage(rate);
  });
});
