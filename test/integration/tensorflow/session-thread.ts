import { parentPort, workerData } from 'node:worker_threads';
import { loadTfjs, NativeSession, type SessionHandle } from '../../../src/tensorflow/index.js';

/** What a test asks of a thread. */
export type ThreadTask =
  /** Opens the SavedModel with sharing, counts `times` and closes when told. */
  | { readonly kind: 'count'; readonly dir: string; readonly tensor: string; readonly times: number }
  /** Attaches a handle and counts `times`. */
  | { readonly kind: 'attach'; readonly handle: SessionHandle; readonly fetch: string; readonly times: number }
  /** Starts a run that takes long, says so, and does not wait for it. */
  | { readonly kind: 'hang'; readonly graphDef: Uint8Array; readonly fetch: string }
  /** Starts tfjs-node and adds two numbers. */
  | { readonly kind: 'tfjs' };

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker');
const task = workerData as ThreadTask;

async function countUp(session: NativeSession, fetch: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await session.run({}, [fetch]);
}

switch (task.kind) {
  case 'count': {
    const session = await NativeSession.openSavedModel(task.dir, { shared: true });
    await countUp(session, task.tensor, task.times);
    port.postMessage('done');
    await new Promise((resolve) => port.once('message', resolve));
    await session.close();
    break;
  }
  case 'attach': {
    const session = NativeSession.attach(task.handle);
    await countUp(session, task.fetch, task.times);
    await session.close();
    port.postMessage('done');
    break;
  }
  case 'hang': {
    const session = await NativeSession.fromGraphDef(task.graphDef);
    void session.run({}, [task.fetch]);
    port.postMessage('running');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    break;
  }
  case 'tfjs': {
    const tf = await loadTfjs();
    port.postMessage(tf.tidy(() => tf.add(1, 2).dataSync()[0]));
    break;
  }
}
port.close();
