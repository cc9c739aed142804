import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';
import { ReportClient, type ReportClientOptions } from '../../../../../src/engines/flink/host/report-client.js';
import { deferred, withDeadline } from '../../../../../src/core/lifecycle.js';
import { reportsIn } from './opened.js';

interface Listener {
  readonly server: Server;
  readonly target: { readonly host: string; readonly port: number; readonly token: string };
  /** All bytes of the first connection, when it has ended. */
  readonly received: Promise<Buffer>;
}

async function listen(): Promise<Listener> {
  const received = deferred<Buffer>();
  const server = createServer((socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('close', () => received.resolve(Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port, token: 'secret' }, received: received.promise };
}

function client(target: ReportClientOptions['target']): {
  readonly it: ReportClient;
  readonly lost: string[];
  readonly printed: string[];
  readonly whenLost: Promise<void>;
} {
  const [lost, printed]: [string[], string[]] = [[], []];
  const isLost = deferred();
  const onLost = (why: string): void => {
    lost.push(why);
    isLost.resolve();
  };
  return { it: new ReportClient({ target, onLost, print: (line) => printed.push(line) }), lost, printed, whenLost: isLost.promise };
}

const report = (channel: string, value: unknown): Parameters<ReportClient['send']>[0] => ({ uid: 'sink', subtask: 1, attempt: 2, channel, value });

test('reports arrive whole and in order, with the token of the job; flushing waits for them', async () => {
  const { server, target, received } = await listen();
  const { it, lost } = client(target);
  for (let n = 0; n < 50; n++) it.send(report('rows', { n, at: new Date(n), padding: new Uint8Array(10_000) }));
  await it.flush();
  it.close();
  const all = reportsIn(await withDeadline(received, { ms: 10_000, what: 'reports' }));
  assert.deepEqual(
    all.map(({ token, uid, subtask, attempt, value }) => [token, uid, subtask, attempt, (value as { n: number }).n]),
    Array.from({ length: 50 }, (_, n) => ['secret', 'sink', 1, 2, n]),
  );
  assert.deepEqual(lost, []);
  server.close();
});

test('where nobody waits, lines are printed and the rest is dropped, which is said once', async () => {
  const { it, lost, printed } = client(undefined);
  it.send(report('console', ['a', 'b']));
  it.send(report('rows', [{ n: 1 }]));
  it.send(report('rows', 2));
  await it.flush();
  assert.deepEqual(printed, ['a', 'b']);
  assert.deepEqual(lost, ["nobody waits for 'rows' of sink"]);
});

test('where the submitting process has gone, nobody waits for it', async () => {
  const { server, target } = await listen();
  await new Promise((resolve) => server.close(resolve));
  const { it, lost, printed, whenLost } = client(target);
  it.send(report('rows', 1));
  await it.flush();
  await withDeadline(whenLost, { ms: 10_000, what: 'loss' });
  assert.equal(lost.length, 1);
  assert.match(lost[0] ?? '', new RegExp(`^127\\.0\\.0\\.1:${target.port}: `));
  it.send(report('console', ['late']));
  assert.deepEqual(printed, ['late']);
});
