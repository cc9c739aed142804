import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { serialize } from 'node:v8';
import { test } from 'node:test';
import type { MillraceError } from '../../../../src/core/index.js';
import { ReportsServer } from '../../../../src/engines/flink/reports-server.js';
import type { SubtaskReport } from '../../../../src/stream/index.js';

interface Scene {
  readonly server: ReportsServer;
  readonly reports: SubtaskReport[];
  readonly refused: MillraceError[];
  connect(): Promise<Socket>;
}

async function withServer(use: (scene: Scene) => Promise<void>): Promise<void> {
  const reports: SubtaskReport[] = [];
  const refused: MillraceError[] = [];
  const server = await ReportsServer.listen({ host: '127.0.0.1', onReport: (report) => reports.push(report), onRefused: (error) => refused.push(error) });
  const connect = async (): Promise<Socket> => {
    const socket = createConnection(server.target.port, server.target.host);
    await once(socket, 'connect');
    return socket;
  };
  try {
    await use({ server, reports, refused, connect });
  } finally {
    await server.close();
  }
}

function message(body: object): Buffer {
  const bytes = serialize(body);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const report = { uid: 'console', subtask: 1, attempt: 2, channel: 'console' };

test('reports arrive in their order and as they were, in whatever pieces the network makes of them', () =>
  withServer(async ({ server, reports, connect }) => {
    const { token } = server.target;
    const sent = [['a'], { map: new Map([[1n, new Date(5)]]), bytes: new Uint8Array([1, 2]) }, undefined, 'ü'];
    const bytes = Buffer.concat(sent.map((value) => message({ token, ...report, value })));
    const socket = await connect();
    for (let at = 0; at < bytes.length; at += 7) socket.write(bytes.subarray(at, at + 7));
    socket.end();
    await once(socket.resume(), 'close');
    await server.settle();
    assert.deepEqual(
      reports,
      sent.map((value) => ({ ...report, value })),
    );
  }));

test('who has not the token of the job is not heard, and cut off', () =>
  withServer(async ({ server, reports, refused, connect }) => {
    const socket = await connect();
    socket.on('error', () => undefined);
    socket.write(message({ token: server.target.token.replace(/./, 'x'), ...report, value: 1 }));
    await once(socket.resume(), 'close');
    assert.deepEqual(reports, []);
    assert.match(refused[0]?.message ?? '', /token/);
  }));

test('a message that is too large is refused before it is read', () =>
  withServer(async ({ refused, connect }) => {
    const socket = await connect();
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0, 0, 0, 0x7f]));
    await once(socket.resume(), 'close');
    assert.equal(refused[0]?.code, 'RECORD_TOO_LARGE');
  }));

test('close ends open connections', () =>
  withServer(async ({ server, connect }) => {
    const socket = (await connect()).resume();
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    await server.close();
    await closed;
  }));

test('an address of another machine is refused with those of this one', async () => {
  // Of a network that exists in documents only.
  const listening = ReportsServer.listen({ host: '192.0.2.1', onReport: () => undefined, onRefused: () => undefined });
  await assert.rejects(listening, { code: 'OPTION_INVALID', message: /this machine is not at 192\.0\.2\.1 .*: .*127\.0\.0\.1/ });
});
