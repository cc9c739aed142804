import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idlePlace } from '../../../../../src/engines/flink/host/subtask-threads.js';

const place = (subtask: string, path?: string): { readonly subtask: string; readonly path: string | undefined } => ({ subtask, path });

test('a subtask that comes back has the thread that it had, which has loaded what it needs', () => {
  const places = [place('source'), place('worker'), place('sink')];
  assert.equal(idlePlace(places, 'worker'), places[1]);
});

test('a subtask that is new, or whose thread is taken, has any that is idle', () => {
  const places = [place('source', '/s1'), place('worker', '/s2'), place('sink')];
  for (const subtask of ['window', 'worker']) assert.equal(idlePlace(places, subtask), places[2]);
});

test('where none is idle, another is started', () => {
  assert.equal(idlePlace([place('source', '/s1')], 'source'), undefined);
});
