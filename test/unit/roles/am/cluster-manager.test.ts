import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MillraceError } from '../../../../src/core/index.js';
import type { NodeInfo } from '../../../../src/ml-framework/cluster/node-info.js';
import { ClusterManager, clusterTransitions, type ClusterAction } from '../../../../src/roles/am/index.js';

function node(role: string, index: number, epoch = 1): NodeInfo {
  return { role, index, epoch, address: '' };
}

function open(expected: Record<string, number>, finishPolicy: 'allWorkers' | 'chief' = 'allWorkers'): { manager: ClusterManager; actions: ClusterAction[] } {
  const actions: ClusterAction[] = [];
  const manager = new ClusterManager({ name: 'c', finishPolicy, heartbeatTimeoutMs: 100, registrationDeadlineMs: 50 }, expected, 0, (action) =>
    actions.push(action),
  );
  return { manager, actions };
}

function causeOf(manager: ClusterManager): MillraceError | undefined {
  return manager.cause;
}

describe('ClusterManager', () => {
  it('runs when every node has registered, finishes with the workers, ends with all', () => {
    const { manager, actions } = open({ worker: 2, ps: 1 });
    manager.register(node('worker', 0), 1);
    manager.register(node('ps', 0), 1);
    assert.equal(manager.snapshot.state, 'forming');
    manager.register(node('worker', 1), 1);
    assert.equal(manager.snapshot.state, 'running');
    manager.finish(node('worker', 1));
    assert.equal(manager.snapshot.state, 'running');
    manager.finish(node('worker', 0));
    assert.equal(manager.snapshot.state, 'finishing');
    manager.finish(node('ps', 0));
    assert.equal(manager.snapshot.state, 'finished');
    assert.deepEqual(actions, ['announce', 'announce', 'commandFinish', 'announce', 'close']);
  });

  it('finishes with the chief where the policy says so', () => {
    const { manager } = open({ worker: 2, chief: 1 }, 'chief');
    for (const each of [node('worker', 0), node('worker', 1), node('chief', 0)]) manager.register(each, 1);
    manager.finish(node('worker', 0));
    assert.equal(manager.snapshot.state, 'running');
    manager.finish(node('chief', 0));
    assert.equal(manager.snapshot.state, 'finishing');
  });

  it('names the nodes that did not register before the deadline', () => {
    const { manager, actions } = open({ worker: 2, ps: 1 });
    manager.register(node('worker', 0), 1);
    manager.tick(49);
    assert.equal(causeOf(manager), undefined);
    manager.tick(50);
    assert.equal(causeOf(manager)?.code, 'NODE_NOT_REGISTERED');
    assert.deepEqual(causeOf(manager)?.details['missing'], ['worker 1', 'ps 0']);
    assert.deepEqual(actions, ['announce', 'commandStop']);
  });

  it('loses a node that stops beating, unless it has finished', () => {
    const { manager } = open({ worker: 2 });
    manager.register(node('worker', 0), 0);
    manager.register(node('worker', 1), 0);
    manager.finish(node('worker', 1));
    manager.beat(node('worker', 0), 90);
    manager.tick(180);
    assert.equal(causeOf(manager), undefined);
    manager.tick(191);
    assert.equal(causeOf(manager)?.code, 'NODE_LOST');
    assert.match(causeOf(manager)?.message ?? '', /worker 0/);
    assert.doesNotMatch(causeOf(manager)?.message ?? '', /worker 1/);
  });

  it('keeps the first cause of a failure', () => {
    const { manager } = open({ worker: 1 });
    manager.register(node('worker', 0), 0);
    manager.fail(node('worker', 0), new MillraceError('LOSS_NOT_FINITE', 'NaN'));
    manager.fail(node('worker', 0), new MillraceError('UNAVAILABLE', 'a consequence'));
    manager.tick(10_000);
    assert.equal(causeOf(manager)?.code, 'LOSS_NOT_FINITE');
    assert.equal(causeOf(manager)?.message, 'worker 0: NaN');
  });

  it('fences a predecessor, a node that never registered, and a node nobody expects', () => {
    const { manager } = open({ worker: 1 });
    assert.throws(() => manager.beat(node('worker', 0), 0), { code: 'NODE_FENCED' });
    manager.register(node('worker', 0, 3), 0);
    manager.register(node('worker', 0, 4), 0);
    assert.throws(() => manager.beat(node('worker', 0, 3), 0), { code: 'NODE_FENCED' });
    assert.throws(() => manager.register(node('worker', 0, 2), 0), { code: 'NODE_FENCED' });
    assert.throws(() => manager.register(node('worker', 1), 0), { code: 'PROTOCOL' });
  });

  it('has no way out of its last states', () => {
    assert.deepEqual([clusterTransitions.finished, clusterTransitions.failed], [{}, {}]);
  });
});
