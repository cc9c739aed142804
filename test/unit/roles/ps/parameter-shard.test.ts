import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MillraceError } from '../../../../src/core/index.js';
import type { FromShard, PushMessage, ToShard } from '../../../../src/ml-framework/parameters/messages.js';
import { ParameterShard, decodeSegment, encodeSegment, type ParameterShardOptions } from '../../../../src/roles/ps/index.js';

const spec = { variable: 'w', shape: [2], trainable: true, offset: 0, length: 2 };

class Worker {
  readonly received: FromShard[] = [];
  readonly #session;
  #position = 0;

  constructor(
    readonly shard: ParameterShard,
    index: number,
    epoch = 1,
    position = 0,
  ) {
    this.#position = position;
    this.#session = shard.connect(index, epoch, (message) => this.received.push(message));
  }

  say(message: ToShard): void {
    this.#session.receive(message);
  }

  push(gradient: number, more: Partial<PushMessage> = {}): void {
    this.say({
      kind: 'push',
      position: ++this.#position,
      examples: 1,
      barrier: 0,
      notBefore: 0,
      gradients: [{ segment: 0, version: 0, data: Float32Array.of(gradient, 0) }],
      ...more,
    });
  }

  get acks(): number[] {
    return this.received.flatMap((message) => (message.kind === 'ack' ? [message.position] : []));
  }
}

function open(more: Partial<ParameterShardOptions> = {}, workers = 2): { shard: ParameterShard; members: Worker[]; value: () => number } {
  const shard = new ParameterShard({ name: 'ps 0', workers, mode: 'asp', optimizer: { kind: 'sgd', learningRate: 1 }, epoch: 1, ...more });
  const members = Array.from({ length: workers }, (_, index) => new Worker(shard, index));
  members[0]!.say({ kind: 'init', segments: [{ spec, data: Float32Array.of(0, 7) }] });
  return { shard, members, value: () => shard.snapshot()[0]!.value[0]! };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    return (thrown as MillraceError).code;
  }
  return 'nothing thrown';
}

describe('ParameterShard', () => {
  it('takes the first initial weights and tells every member', () => {
    const { members, shard } = open();
    members[1]!.say({ kind: 'init', segments: [{ spec, data: Float32Array.of(100, 100) }] });
    assert.deepEqual(members[1]!.received.at(-1), { kind: 'directory', ready: true, segments: [spec], applied: 0 });
    assert.deepEqual([...shard.snapshot()[0]!.value], [0, 7]);
  });

  it('sums gradients over examples where it is told to, in both modes; values that are not trainable are averaged', () => {
    for (const mode of ['asp', 'bsp'] as const) {
      const { members, value } = open({ mode, gradients: 'sum' });
      members[0]!.push(-1, { examples: 3 });
      members[1]!.push(-2, { examples: 5 });
      assert.equal(value(), 3 + 10, mode);
    }
    const fixed = { ...spec, trainable: false };
    const shard = new ParameterShard({ name: 'ps 0', workers: 2, mode: 'bsp', gradients: 'sum', optimizer: { kind: 'sgd', learningRate: 1 }, epoch: 1 });
    const members = [0, 1].map((index) => new Worker(shard, index));
    members[0]!.say({ kind: 'init', segments: [{ spec: fixed, data: Float32Array.of(0, 0) }] });
    members[0]!.push(4, { examples: 1 });
    members[1]!.push(8, { examples: 3 });
    assert.equal(shard.snapshot()[0]!.value[0], 7);
  });

  it('applies a push at once in asp', () => {
    const { members, value } = open();
    members[1]!.push(-3);
    assert.equal(value(), 3);
    assert.deepEqual(members[1]!.acks, [1]);
  });

  it('applies the mean weighted by examples once all active members have pushed in bsp', () => {
    const { members, value } = open({ mode: 'bsp' });
    members[0]!.push(-1, { examples: 3 });
    assert.equal(value(), 0);
    assert.deepEqual(members[0]!.acks, []);
    members[1]!.push(-5, { examples: 1 });
    assert.equal(value(), 2);
    assert.deepEqual([members[0]!.acks, members[1]!.acks], [[1], [1]]);
  });

  it('lets a member without examples close a round without a say', () => {
    const { members, value, shard } = open({ mode: 'bsp' });
    members[0]!.push(-4, { examples: 2 });
    members[1]!.push(0, { examples: 0, gradients: [] });
    assert.equal(value(), 4);
    assert.equal(shard.snapshot()[0]!.examples, 2);
  });

  it('does not wait in a round for a member that has left or passed a barrier', () => {
    const { members, value } = open({ mode: 'bsp' }, 3);
    members[0]!.push(-1);
    members[1]!.say({ kind: 'leave' });
    assert.equal(value(), 0);
    members[2]!.say({ kind: 'mark', cut: 5 });
    assert.equal(value(), 1);
  });

  it('holds pushes behind a barrier until the cut is taken, and takes it without them', () => {
    const { members, shard, value } = open();
    members[0]!.push(-1);
    members[0]!.say({ kind: 'mark', cut: 1 });
    members[0]!.push(-10, { barrier: 1 });
    members[1]!.push(-2);
    assert.equal(value(), 3);
    members[1]!.say({ kind: 'mark', cut: 1 });
    const [cut] = shard.freeze(1);
    assert.equal(cut!.value[0], 3);
    assert.equal(value(), 13);
  });

  it('releases held pushes where the cut is aborted, or decided by a later mark', () => {
    const first = open();
    first.members[0]!.say({ kind: 'mark', cut: 1 });
    first.members[0]!.push(-1, { barrier: 1 });
    first.shard.decide(1);
    assert.equal(first.value(), 1);
    const second = open();
    second.members[0]!.say({ kind: 'mark', cut: 1 });
    second.members[0]!.push(-1, { barrier: 1 });
    second.members[1]!.say({ kind: 'mark', cut: 2 });
    assert.equal(second.value(), 1);
  });

  it('refuses a cut that a member has not marked', () => {
    const { members, shard } = open();
    members[0]!.say({ kind: 'mark', cut: 1 });
    assert.equal(
      codeOf(() => shard.freeze(1)),
      'CUT_FAILED',
    );
  });

  it('answers a pull after the pushes before it, with newer segments only', () => {
    const { members } = open({ mode: 'bsp' });
    members[0]!.push(-1);
    members[0]!.say({ kind: 'pull', id: 1, progress: 0, versions: [0] });
    assert.equal(members[0]!.received.at(-1)!.kind, 'directory');
    members[1]!.push(-1);
    assert.deepEqual(members[0]!.received.at(-1), { kind: 'values', id: 1, clock: 1, values: [{ segment: 0, version: 1, data: Float32Array.of(1, 7) }] });
    members[0]!.say({ kind: 'pull', id: 2, progress: 0, versions: [1] });
    assert.deepEqual(members[0]!.received.at(-1), { kind: 'values', id: 2, clock: 1, values: [] });
  });

  it('holds a push until the predictions of every active member have come so far', () => {
    const { members, value } = open();
    members[1]!.say({ kind: 'pull', id: 1, progress: 3, versions: [] });
    members[1]!.push(-1, { notBefore: 2 });
    assert.equal(value(), 0);
    members[0]!.say({ kind: 'pull', id: 1, progress: 2, versions: [] });
    assert.equal(value(), 1);
  });

  it('acknowledges a repeated position without applying it, also in bsp', () => {
    for (const mode of ['asp', 'bsp'] as const) {
      const { shard, value } = open({ mode }, 1);
      const first = new Worker(shard, 0);
      first.push(-1);
      const successor = new Worker(shard, 0, 2);
      assert.deepEqual(successor.received[0], { kind: 'directory', ready: true, segments: [spec], applied: 1 });
      successor.push(-1);
      successor.push(-1);
      assert.equal(value(), 2);
      assert.deepEqual(successor.acks, [1, 2]);
    }
  });

  it('drops what a dead member left unapplied and hears it no more', () => {
    const { shard, members, value } = open({ mode: 'bsp' });
    members[0]!.push(-100);
    const successor = new Worker(shard, 0, 2);
    members[0]!.push(-100);
    members[1]!.push(-1);
    assert.equal(value(), 0);
    successor.push(-3);
    assert.equal(value(), 2);
  });

  it('fences an epoch below its own or below a successor', () => {
    const { shard } = open();
    assert.equal(
      codeOf(() => new Worker(shard, 0, 0)),
      'NODE_FENCED',
    );
    new Worker(shard, 1, 4);
    assert.equal(
      codeOf(() => new Worker(shard, 1, 3)),
      'NODE_FENCED',
    );
    assert.equal(
      codeOf(() => new Worker(shard, 9)),
      'PROTOCOL',
    );
  });

  it('keeps a snapshot as it was while pushes go on', () => {
    const { shard, members, value } = open({ optimizer: { kind: 'momentum', learningRate: 1, momentum: 0.5, nesterov: false } });
    members[0]!.push(-2);
    const [before] = shard.snapshot();
    members[0]!.push(-2);
    assert.equal(before!.value[0], 2);
    assert.equal(before!.slots[0]![0], -2);
    assert.equal(value(), 5);
  });

  it('restores segments from their bytes, slots, versions and counts included', () => {
    const { shard, members } = open({ optimizer: { kind: 'adam', learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } });
    members[0]!.push(-2, { examples: 5 });
    const bytes = shard.snapshot().map(encodeSegment);
    // State may come at any offset of a larger buffer.
    const shifted = new Uint8Array(bytes[0]!.length + 3);
    shifted.set(bytes[0]!, 3);
    const restored = decodeSegment(shifted.subarray(3));
    assert.deepEqual(restored, shard.snapshot()[0]);
    assert.equal(restored.examples, 5);
    assert.equal(
      codeOf(() => decodeSegment(bytes[0]!.subarray(0, 40))),
      'STATE_INVALID',
    );
  });
});
