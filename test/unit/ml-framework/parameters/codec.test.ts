import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FromShardDecoder, ToShardDecoder, encodeFromShard, encodeToShard } from '../../../../src/ml-framework/parameters/codec.js';
import type { FromShard, ToShard } from '../../../../src/ml-framework/parameters/messages.js';
import { SyncRequest, SyncResponse, maxMessageBytes } from '../../../../src/rpc/index.js';

/** Over the wire and back: as bytes, one message after the other. */
function received(message: ToShard): ToShard[] {
  const decoder = new ToShardDecoder();
  return encodeToShard(message).flatMap((request) => decoder.add(SyncRequest.decode(SyncRequest.encode(request).finish())) ?? []);
}

function answered(message: FromShard): FromShard[] {
  const decoder = new FromShardDecoder();
  return encodeFromShard(message).flatMap((response) => decoder.add(SyncResponse.decode(SyncResponse.encode(response).finish())) ?? []);
}

/** Plain objects, as a decoder makes them. */
function record<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const count = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const position = fc.maxSafeNat();
const data = fc.float32Array({ maxLength: 40 }).map((values) => Float32Array.from(values));
const values = fc.array(record({ segment: count, version: position, data }), { maxLength: 5 });
const spec = record({ variable: fc.string(), shape: fc.array(count, { maxLength: 3 }), trainable: fc.boolean(), offset: position, length: count });

const toShard: fc.Arbitrary<ToShard> = fc.oneof(
  record({ kind: fc.constant('init' as const), segments: fc.array(record({ spec, data }), { maxLength: 4 }) }),
  record({ kind: fc.constant('push' as const), position, examples: count, barrier: position, notBefore: position, gradients: values }),
  record({ kind: fc.constant('pull' as const), id: position, progress: position, versions: fc.array(fc.integer({ min: -1, max: 2 ** 40 })) }),
  record({ kind: fc.constant('mark' as const), cut: position }),
  fc.constant({ kind: 'leave' as const }),
);

const fromShard: fc.Arbitrary<FromShard> = fc.oneof(
  record({ kind: fc.constant('directory' as const), ready: fc.boolean(), segments: fc.array(spec, { maxLength: 4 }), applied: position }),
  record({ kind: fc.constant('ack' as const), position, clock: position }),
  record({ kind: fc.constant('values' as const), id: position, clock: position, values }),
  record({ kind: fc.constant('marked' as const), cut: position }),
  fc.constant({ kind: 'left' as const }),
);

describe('the messages between workers and shards', () => {
  it('arrive as they were sent', () => {
    fc.assert(fc.property(toShard, (message) => assert.deepEqual(received(message), [message])));
    fc.assert(fc.property(fromShard, (message) => assert.deepEqual(answered(message), [message])));
  });

  it('stay below the limit of a message, however large the tensors are', () => {
    const gradients = Array.from({ length: 40 }, (_, segment) => ({ segment, version: 0, data: new Float32Array(65_536).fill(segment) }));
    const push: ToShard = { kind: 'push', position: 1, examples: 8, barrier: 0, notBefore: 0, gradients };
    const sizes = encodeToShard(push).map((request) => SyncRequest.encode(request).finish().length);
    assert.ok(sizes.length > 1 && Math.max(...sizes) < maxMessageBytes, sizes.join(', '));
    assert.deepEqual(received(push), [push]);
  });

  it('are refused without content', () => {
    assert.throws(() => new ToShardDecoder().add({ message: undefined }), { code: 'PROTOCOL' });
    assert.throws(() => new FromShardDecoder().add({ message: undefined }), { code: 'PROTOCOL' });
  });
});
