import { connect, type ClientHttp2Session } from 'node:http2';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { startServer } from '../../../src/rpc/index.js';

/**
 * Threads with a gRPC server exit, one after the other, while calls with a body come in from the main thread. Prints how many
 * times this process has outlived that.
 */
const deaths = 5;
const connections = 4;
const callsEach = 20;

if (isMainThread) for (let i = 0; i < deaths; i++) console.log(`outlived ${await outlive()} calls`);
else await serveAndExit();

async function serveAndExit(): Promise<void> {
  const { address } = await startServer([]);
  parentPort!.once('message', () =>
    setImmediate(() => {
      // Until new calls wait in the sockets.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      process.exit(9);
    }),
  );
  parentPort!.postMessage(address);
}

/** Exit of a thread that is being called; resolves with the number of answers. */
async function outlive(): Promise<number> {
  const thread = new Worker(new URL(import.meta.url));
  const ended = new Promise<number>((resolve) => thread.once('exit', resolve));
  const address = await new Promise<string>((resolve) => thread.once('message', resolve));
  let answers = 0;
  const sessions = Array.from({ length: connections }, () => {
    const session = connect(`http://${address}`);
    session.on('error', () => session.destroy());
    for (let i = 0; i < callsEach; i++) callAgain(session, () => ++answers === 200 && thread.postMessage('exit'));
    return session;
  });
  const code = await ended;
  if (code !== 9) throw new Error(`the thread ended with ${code}`);
  for (const session of sessions) session.destroy();
  return answers;
}

function callAgain(session: ClientHttp2Session, answered: () => void): void {
  if (session.destroyed) return;
  const call = session.request({ ':method': 'POST', ':path': '/test/Call', 'content-type': 'application/grpc' });
  call.on('error', () => undefined);
  call.once('response', answered);
  call.resume();
  call.once('close', () => callAgain(session, answered));
  call.end(Buffer.alloc(2_000));
}
