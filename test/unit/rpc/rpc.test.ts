import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client, credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { MillraceError, errorCodes, type ErrorCode } from '../../../src/core/index.js';
import { fromStatus, startServer, toStatus } from '../../../src/rpc/index.js';

describe('status', () => {
  it('carries every code of the table there and back', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new MillraceError(code, `what happened with ${code}`, { details: { limit: 3 }, cause: new Error('root') });
      const back = fromStatus(toStatus(error), 'a call');
      assert.equal(back.code, code);
      assert.equal(back.message, error.message);
      assert.deepEqual(back.details, { limit: 3 });
      assert.equal((back.cause as Error).message, 'root');
    }
  });

  it('keeps code and message where the details are too long for a trailer', () => {
    const error = new MillraceError('PROTOCOL', 'short', { details: { long: 'x'.repeat(100_000) } });
    const status = toStatus(error);
    assert.ok((status.metadata.get('millrace-error-bin')[0] as Buffer).length < 8192);
    assert.equal(fromStatus(status as ServiceError, 'a call').code, 'PROTOCOL');
  });

  it('names a peer that is gone', () => {
    const status = { code: grpcStatus.UNAVAILABLE, details: 'connect ECONNREFUSED', metadata: toStatus(new Error()).metadata };
    status.metadata.remove('millrace-error-bin');
    const error = fromStatus(status, 'worker 1: stream to ps 0');
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /worker 1: stream to ps 0/);
  });
});

describe('startServer', () => {
  it('listens on loopback, answers health checks and frees its port', async () => {
    const server = await startServer([]);
    assert.match(server.address, /^127\.0\.0\.1:\d+$/);
    const client = new Client(server.address, credentials.createInsecure());
    const check = health['Check']!;
    const answer = await new Promise<{ status: string }>((resolve, reject) => {
      client.makeUnaryRequest(
        check.path,
        check.requestSerialize as (value: object) => Buffer,
        check.responseDeserialize as (bytes: Buffer) => { status: string },
        { service: '' },
        { deadline: Date.now() + 5000 },
        (error, value) => {
          if (error === null) resolve(value!);
          else reject(error);
        },
      );
    });
    assert.equal(answer.status, 'SERVING');
    client.close();
    await server.close();
    const again = await startServer([], { port: Number(server.address.split(':')[1]) });
    await again.close();
  });

  it('says that a port is in use', async () => {
    const server = await startServer([]);
    await assert.rejects(startServer([], { port: Number(server.address.split(':')[1]) }), { code: 'PORT_IN_USE' });
    await server.close();
  });
});
