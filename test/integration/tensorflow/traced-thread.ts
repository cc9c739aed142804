import { parentPort, workerData } from 'node:worker_threads';
import { attachTraced, type TracedHandle } from '../../../src/tensorflow/index.js';

/** Calls a function of another thread, as often as told, and posts the last result; errors by their code. */
export interface TracedTask {
  readonly handle: TracedHandle;
  readonly inputs: readonly unknown[];
  readonly times: number;
  readonly learningRate?: number;
  readonly blocking?: boolean;
}

export type TracedAnswer = { readonly result: unknown } | { readonly code: unknown };

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker');
const { handle, inputs, times, learningRate, blocking = false } = workerData as TracedTask;
const attached = attachTraced(handle);
try {
  if (learningRate !== undefined) attached.set('learningRate', learningRate);
  let result: unknown;
  for (let i = 0; i < times; i++) result = blocking ? attached.valuesSync(...inputs) : await attached.values(...inputs);
  port.postMessage({ result } satisfies TracedAnswer);
} catch (thrown) {
  port.postMessage({ code: (thrown as { readonly code?: unknown }).code } satisfies TracedAnswer);
} finally {
  await attached.close();
}
