import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MillraceError } from '../../../../src/core/index.js';
import type { ShardLinkEvents, ToShard } from '../../../../src/ml-framework/parameters/messages.js';
import { ParameterClient, type Weights } from '../../../../src/ml-framework/parameters/parameter-client.js';
import { ParameterShard, type ShardSession } from '../../../../src/roles/ps/index.js';
import { ManualClock } from '../../../../src/testing/manual-clock.js';
import type { VariableSpec } from '../../../../src/tensorflow/model/trainable.js';

const variables: readonly VariableSpec[] = [
  { name: 'kernel', shape: [3, 2], dtype: 'float32', trainable: true },
  { name: 'bias', shape: [2], dtype: 'float32', trainable: true },
];

function weights(value: number): Weights {
  return Object.fromEntries(
    variables.map(({ name, shape }) => [name, { dtype: 'float32', shape, data: new Float32Array(name === 'bias' ? 2 : 6).fill(value) }]),
  );
}

interface Cluster {
  readonly client: ParameterClient;
  readonly clock: ManualClock;
  readonly shards: readonly ParameterShard[];
  readonly sent: ToShard[];
  /** Messages to the shards wait from now on; returns what lets them through. */
  hold(): () => void;
  lose(shard: number, error: unknown): void;
}

/** A client on real shards, reached by microtasks. */
function open(shardCount = 2): Cluster {
  const clock = new ManualClock();
  const shards = Array.from(
    { length: shardCount },
    (_, i) => new ParameterShard({ name: `ps ${i}`, workers: 1, mode: 'asp', optimizer: { kind: 'sgd', learningRate: 1 }, epoch: 1 }),
  );
  const events: ShardLinkEvents[] = [];
  const sent: ToShard[] = [];
  let held: (() => void)[] | undefined;
  const options = { name: 'worker 0', variables, shards: shardCount, clock, deadlineMs: 1_000, maxSegmentLength: 2 };
  const client = new ParameterClient(options, (index, on) => {
    events[index] = on;
    const session: ShardSession = shards[index]!.connect(0, 1, (message) => queueMicrotask(() => on.message(message)));
    return {
      send: (message) => {
        sent.push(structuredClone(message));
        if (held === undefined) session.receive(message);
        else held.push(() => session.receive(message));
      },
      close: () => undefined,
    };
  });
  return {
    ...{ client, clock, shards, sent },
    hold: () => {
      const waiting = (held = [] as (() => void)[]);
      return () => {
        held = undefined;
        for (const deliver of waiting) deliver();
      };
    },
    lose: (shard, error) => events[shard]!.lost(error),
  };
}

it('names a push by the position that it is given, and repeats it for a successor where a shard had not applied it', async () => {
  const { shards, connect } = twoShards();
  let losesLast = true;
  const client = (epoch: number): ParameterClient => {
    const options = { name: 'worker 0', variables, shards: 2, clock: new ManualClock(), deadlineMs: 1_000, maxSegmentLength: 2 };
    return new ParameterClient(options, (shard, on) =>
      connect(shard, epoch, on, (message) => message.kind !== 'push' || message.position < 7 || shard === 0 || !losesLast),
    );
  };
  const first = client(1);
  await first.ready(() => weights(0));
  await first.push(weights(1), { examples: 1, position: 6 });
  // It dies when only shard 0 has got the push.
  void first.push(weights(1), { examples: 1, position: 7 }).catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  losesLast = false;
  const successor = client(2);
  await successor.ready();
  assert.deepEqual(
    [6, 7, 8].map((position) => successor.isTorn(position)),
    [false, true, false],
  );
  await successor.push(weights(1), { examples: 1, position: 7 });
  await successor.push(weights(1), { examples: 1, position: 9 });
  assert.deepEqual(
    shards.map(({ clock }) => clock),
    [3, 3],
  );
  assert.deepEqual(new Set(valuesOf(await successor.pull())), new Set([-3]));
});

/** Shards on which clients of one worker follow each other; what does not pass is lost. */
function twoShards(): {
  readonly shards: readonly ParameterShard[];
  connect(shard: number, epoch: number, on: ShardLinkEvents, passes: (message: ToShard) => boolean): { send(message: ToShard): void; close(): void };
} {
  const shards = [0, 1].map((i) => new ParameterShard({ name: `ps ${i}`, workers: 1, mode: 'asp', optimizer: { kind: 'sgd', learningRate: 1 }, epoch: 1 }));
  return {
    shards,
    connect: (shard, epoch, on, passes) => {
      const session = shards[shard]!.connect(0, epoch, (message) => queueMicrotask(() => on.message(message)));
      return { send: (message) => passes(message) && session.receive(structuredClone(message)), close: () => undefined };
    },
  };
}

function valuesOf({ kernel, bias }: Weights): number[] {
  return [...(kernel!.data as Float32Array), ...(bias!.data as Float32Array)];
}

describe('ParameterClient', () => {
  it('spreads the initial weights over the shards and pulls them together again', async () => {
    const { client, shards } = open();
    await client.ready(() => weights(3));
    assert.deepEqual(valuesOf(await client.pull()), new Array(8).fill(3));
    assert.ok(shards.every((shard) => shard.snapshot().length > 0));
  });

  it('pulls what it has pushed, and only what changed', async () => {
    const { client, sent } = open();
    await client.ready(() => weights(0));
    await client.pull();
    await client.push(weights(-1), { examples: 4 });
    assert.deepEqual(valuesOf(await client.pull()), new Array(8).fill(1));
    assert.equal(client.clock, 1);
    const pulls = sent.filter((message) => message.kind === 'pull');
    assert.ok(
      pulls.slice(-2).every(({ versions }) => versions.every((version) => version === 0)),
      'the second pull names the versions of the first',
    );
  });

  it('marks a barrier only when every push is applied', async () => {
    const { client, sent, hold } = open();
    await client.ready(() => weights(0));
    const letThrough = hold();
    void client.push(weights(-1), { examples: 1 });
    const marked = client.mark(7);
    await Promise.resolve();
    assert.ok(!sent.some(({ kind }) => kind === 'mark'));
    letThrough();
    await marked;
    assert.deepEqual(
      sent.filter(({ kind }) => kind === 'mark'),
      [
        { kind: 'mark', cut: 7 },
        { kind: 'mark', cut: 7 },
      ],
    );
    void client.push(weights(-1), { examples: 1 });
    assert.equal(sent.findLast((message) => message.kind === 'push')?.barrier, 7);
  });

  it('ends every wait with the cause when a shard is lost, at once', async () => {
    const { client, hold, lose } = open();
    await client.ready(() => weights(0));
    hold();
    const waits = [client.pull(), client.push(weights(-1), { examples: 1 }), client.drain(), client.mark(1)];
    const ended = Promise.allSettled(waits);
    lose(1, new MillraceError('UNAVAILABLE', 'ps 1 is gone'));
    for (const outcome of await ended) assert.equal((outcome as PromiseRejectedResult).reason?.message, 'ps 1 is gone');
    await assert.rejects(client.pull(), /ps 1 is gone/);
  });

  it('gives up waiting for initial weights that nobody brings', async () => {
    const { client, clock } = open();
    const ready = assert.rejects(client.ready(), { code: 'DEADLINE_EXCEEDED', message: /worker 0: initial weights/ });
    // The directories arrive first.
    await new Promise(setImmediate);
    clock.advance(1_000);
    await ready;
  });

  it('refuses shards that hold another model', async () => {
    const { client, shards } = open(1);
    const spec = { variable: 'other', shape: [2], trainable: true, offset: 0, length: 2 };
    shards[0]!.connect(0, 1, () => undefined).receive({ kind: 'init', segments: [{ spec, data: new Float32Array(2) }] });
    // Its own link was taken over: a second client sees what the shard holds.
    const second = new ParameterClient({ name: 'worker 0', variables, shards: 1, clock: new ManualClock(), deadlineMs: 1_000 }, (_, on) => {
      const session = shards[0]!.connect(0, 1, (message) => queueMicrotask(() => on.message(message)));
      return { send: (message) => session.receive(message), close: () => undefined };
    });
    await assert.rejects(second.ready(), { code: 'STATE_INVALID', message: /hold another model: kernel, bias, other/ });
    client.close();
  });
});
