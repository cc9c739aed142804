import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deferred, noMetrics, silentLogger, systemClock, type Deferred } from '../../../../src/core/index.js';
import { defineCluster } from '../../../../src/ml-framework/index.js';
import { Membership } from '../../../../src/ml-framework/node/membership.js';
import type { NodeHost } from '../../../../src/ml-framework/node/role-service.js';
import { AmRole } from '../../../../src/roles/am/index.js';

const cluster = defineCluster({ name: 'c', roles: { worker: 1 }, heartbeatInterval: 20, heartbeatTimeout: 5_000, registrationDeadline: 5_000 });

/** One board for all nodes; a redeployment starts an empty one. */
class Board {
  #values = new Map<string, Deferred<string>>();

  publish(key: string, value: string): void {
    this.#of(key).resolve(value);
  }

  lookup(key: string): Promise<string> {
    return this.#of(key).promise;
  }

  clear(): void {
    this.#values = new Map();
  }

  #of(key: string): Deferred<string> {
    const entry = this.#values.get(key) ?? deferred<string>();
    this.#values.set(key, entry);
    return entry;
  }
}

interface TestHost extends NodeHost {
  readonly failures: unknown[];
  readonly gauges: Map<string, number>;
  readonly stop: AbortController;
}

function hostOn(board: Board, role: string, epoch: number): TestHost {
  const failures: unknown[] = [];
  const gauges = new Map<string, number>();
  const stop = new AbortController();
  return {
    ...{
      cluster: { ...cluster, host: '127.0.0.1' },
      role,
      epoch,
      failures,
      gauges,
      stop,
      index: 0,
      count: 1,
      roles: { worker: 1 },
      hasEnded: () => false,
      clock: systemClock,
      log: silentLogger,
    },
    metrics: { ...noMetrics, gauge: (name) => ({ set: (value) => void gauges.set(name, value) }) },
    signal: stop.signal,
    rendezvous: board,
    fail: (error) => void failures.push(error),
  };
}

async function managerOn(board: Board, restored: readonly Uint8Array[] = []): Promise<{ am: AmRole; host: TestHost }> {
  const host = hostOn(board, 'am', 0);
  const am = new AmRole(host);
  await am.open(restored);
  return { am, host };
}

describe('Membership', () => {
  // Timers of the system clock do not keep a process alive.
  let alive: NodeJS.Timeout;
  before(() => (alive = setInterval(() => undefined, 60_000)));
  after(() => clearInterval(alive));

  it('tells the successor of a manager that did not know of its end when the cut was taken', async () => {
    const board = new Board();
    const first = await managerOn(board);
    const node = await Membership.join(hostOn(board, 'worker', 1), '', () => 0);
    const cut = first.am.freeze();
    await node.finish();
    board.clear();
    await first.am.close();
    const second = await managerOn(board, cut);
    await second.am.finished;
    node.close();
    await second.am.close();
    await first.am.finished;
  });

  it('fails a node that has lost its manager', async () => {
    const board = new Board();
    const { am } = await managerOn(board);
    const failed = deferred<unknown>();
    const node = await Membership.join({ ...hostOn(board, 'worker', 1), fail: (error) => failed.resolve(error) }, '', () => 0);
    await am.close();
    const error = (await failed.promise) as { code: string; message: string };
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, /worker 0: heartbeat to the application manager at 127\.0\.0\.1:\d+/);
    node.close();
  });

  it('beats with its progress, and the manager shows it beside the states of its nodes', async () => {
    const board = new Board();
    const { am, host } = await managerOn(board);
    let consumed = 0;
    const seen = deferred();
    const set = host.gauges.set.bind(host.gauges);
    host.gauges.set = (name, value) => {
      if (name === 'role_worker_progress' && value > 100) seen.resolve();
      return set(name, value);
    };
    const node = await Membership.join(hostOn(board, 'worker', 1), '', () => (consumed += 64));
    await seen.promise;
    assert.deepEqual(
      ['registered', 'running', 'finished', 'lost'].map((state) => host.gauges.get(`cluster_nodes_${state}`)),
      [1, 1, 0, 0],
    );
    await node.finish();
    await am.finished;
    assert.equal(host.gauges.get('cluster_nodes_finished'), 1);
    node.close();
    await am.close();
  });

  it('stops looking for a manager when it is told to stop', async () => {
    const host = hostOn(new Board(), 'worker', 1);
    const joined = Membership.join(host, '', () => 0);
    host.stop.abort(new Error('told to stop'));
    await assert.rejects(joined, /told to stop/);
  });
});
