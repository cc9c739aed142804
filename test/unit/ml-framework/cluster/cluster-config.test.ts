import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MillraceError } from '../../../../src/core/index.js';
import { defineCluster, type ClusterOptions } from '../../../../src/ml-framework/index.js';

function refusal(options: unknown): MillraceError {
  try {
    defineCluster(options as ClusterOptions);
  } catch (thrown) {
    return thrown as MillraceError;
  }
  throw new Error('nothing refused');
}

describe('defineCluster', () => {
  it('has the defaults that its documentation names, and is frozen', () => {
    const cluster = defineCluster({ name: 'c', roles: { worker: 2 } });
    assert.deepEqual(cluster, {
      name: 'c',
      roles: { worker: 2 },
      mode: 'bsp',
      gradients: 'mean',
      finishPolicy: 'allWorkers',
      heartbeatIntervalMs: 2_000,
      heartbeatTimeoutMs: 60_000,
      registrationDeadlineMs: 60_000,
      entryDeadlineMs: 300_000,
      rpcDeadlineMs: 30_000,
      host: undefined,
      isolation: { am: 'thread', worker: 'thread' },
    });
    assert.ok(Object.isFrozen(cluster));
  });

  it('names every unknown key and every value out of range at once', () => {
    const { code, message } = refusal({ name: '1st', roles: { worker: 0 }, mode: 'ssp', heartBeat: 5, finishPolicy: 'judge' });
    assert.equal(code, 'OPTION_INVALID');
    for (const what of [/name/, /worker/, /mode/, /heartBeat/, /finishPolicy/]) assert.match(message, what);
  });

  it('refuses a timeout that is not longer than the interval', () => {
    const short = refusal({ name: 'c', roles: { worker: 1 }, heartbeatInterval: 500, heartbeatTimeout: 500 });
    assert.equal(short.code, 'OPTION_INVALID');
    assert.match(short.message, /heartbeatTimeout 500 ms must be longer than heartbeatInterval 500 ms/);
  });

  it('isolates all roles, or those that are named', () => {
    const roles = { worker: 2, ps: 1 };
    assert.deepEqual(defineCluster({ name: 'c', roles, isolation: 'process' }).isolation, { am: 'process', worker: 'process', ps: 'process' });
    const { isolation } = defineCluster({ name: 'c', roles, isolation: { worker: 'process', am: 'thread' } });
    assert.deepEqual(isolation, { am: 'thread', worker: 'process', ps: 'thread' });
  });

  it('refuses the isolation of a role that it does not have, and one that there is not', () => {
    const { code, message } = refusal({ name: 'c', roles: { worker: 2 }, isolation: { worker: 'process', ps: 'process', chief: 'thread' } });
    assert.equal(code, 'OPTION_INVALID');
    assert.match(message, /isolation names ps, chief; the roles are am, worker/);
    for (const isolation of ['container', { worker: 'container' }]) {
      const wrong = refusal({ name: 'c', roles: { worker: 2 }, isolation });
      assert.equal(wrong.code, 'OPTION_INVALID');
      assert.match(wrong.message, /isolation: must be 'thread', 'process', or one of them for each role/);
    }
  });
});
