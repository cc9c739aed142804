import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RingBroker } from '../../../../../src/engines/flink/host/ring-broker.js';
import type { PlacedSubtask, ToThread } from '../../../../../src/engines/flink/host/thread-protocol.js';
import { createDoorbell } from '../../../../../src/memory/doorbell.js';
import { frameKind } from '../../../../../src/memory/frame.js';
import { RingReader } from '../../../../../src/memory/ring-reader.js';
import { RingWriter } from '../../../../../src/memory/ring-writer.js';

/** Source 0 writes to both subtasks of vertex 1 by edge 5. */
function subtask(vertex: number, index: number, attempt = 1): PlacedSubtask {
  const outputs = vertex === 0 ? [0, 1].map((target) => ({ edge: 5, vertex: 1, index: target })) : [];
  return { place: { vertex, index, attempt }, bell: createDoorbell().memory, outputs };
}

/** A host, and all that its threads are told: 'a:read 1'. */
class Told {
  readonly broker = new RingBroker();
  readonly messages: ToThread[] = [];

  place(path: string, placed: PlacedSubtask): this {
    this.broker.placed(path, placed, (message) => {
      this.messages.push(message);
      // As a thread does.
      if (message.type === 'read') this.broker.reads([message.ring.id]);
      if (message.type === 'inherit') this.broker.reads(message.rings.map(({ id }) => id));
    });
    return this;
  }

  get log(): string {
    return this.messages
      .splice(0)
      .map((message) => `${message.path}:${show(message)}`)
      .join(', ');
  }
}

function show(message: ToThread): string {
  switch (message.type) {
    case 'run':
      return 'run';
    case 'inherit':
      return `inherit ${message.rings.map(({ id }) => id).join('+')}`.trim();
    case 'read':
      return `read ${message.ring.id}`;
    case 'write':
      return `write ${message.ring.id} to ${message.edge}/${message.index}`;
  }
}

test('two subtasks of an exchange get a ring as soon as both are there, whoever comes first', () => {
  const told = new Told().place('a', subtask(0, 0));
  assert.equal(told.log, 'a:inherit');
  told.place('b', subtask(1, 0));
  assert.equal(told.log, 'b:inherit, b:read 1, a:write 1 to 5/0');
  told.place('c', subtask(1, 1));
  assert.equal(told.log, 'c:inherit, c:read 2, a:write 2 to 5/1');
  told.place('d', subtask(0, 1));
  assert.equal(told.log, 'd:inherit, b:read 3, d:write 3 to 5/0, c:read 4, d:write 4 to 5/1');
});

test('subtasks of two attempts are not brought together', () => {
  const told = new Told().place('a', subtask(0, 0, 1)).place('b', subtask(1, 0, 2));
  assert.equal(told.log, 'a:inherit, b:inherit');
});

test('a ring is written to when its reader knows it, and not before', () => {
  const broker = new RingBroker();
  const log: string[] = [];
  const tell = (message: ToThread): unknown => log.push(`${message.path}:${show(message)}`);
  broker.placed('a', subtask(0, 0), tell);
  broker.placed('b', subtask(1, 0), tell);
  assert.deepEqual(log.splice(0), ['a:inherit', 'b:inherit', 'b:read 1']);
  broker.ended('b');
  broker.placed('b2', subtask(1, 0), tell);
  assert.deepEqual(log.splice(0), ['b2:inherit 1'], 'its successor is to know it too');
  broker.reads([1]);
  broker.reads([1]);
  assert.deepEqual(log, ['a:write 1 to 5/0']);
});

test('the successor of a reader reads the same ring; that of a writer gets one of its own, and the old one stays until it is empty', () => {
  const told = new Told().place('a', subtask(0, 0)).place('b', subtask(1, 0));
  const write = told.messages.find((message) => message.type === 'write');
  assert.ok(write?.type === 'write');
  const { memory } = write.ring;
  new RingWriter(memory).tryWrite(frameKind.data, { payloadBytes: 8 });
  told.messages.length = 0;
  told.broker.ended('b');
  told.place('b2', subtask(1, 0));
  assert.equal(told.log, 'b2:inherit 1', 'the writer goes on with it');
  told.broker.ended('a');
  told.place('a2', subtask(0, 0));
  assert.equal(told.log, 'a2:inherit, b2:read 2, a2:write 2 to 5/0');
  told.broker.ended('b2');
  told.place('b3', subtask(1, 0));
  assert.equal(told.log, 'b3:inherit 1+2');
  const reader = new RingReader(memory);
  reader.tryRead();
  reader.release(1);
  told.broker.ended('a2');
  told.broker.ended('b3');
  told.place('b4', subtask(1, 0));
  assert.equal(told.log, 'b4:inherit 1', 'which was not empty when its writer ended; the other one was');
});

test('what an earlier attempt had is forgotten', () => {
  const told = new Told().place('a', subtask(0, 0)).place('b', subtask(1, 0));
  told.broker.ended('a');
  told.broker.ended('b');
  told.messages.length = 0;
  told.place('b2', subtask(1, 0, 2)).place('a2', subtask(0, 0, 2));
  assert.equal(told.log, 'b2:inherit, a2:inherit, b2:read 2, a2:write 2 to 5/0');
});
