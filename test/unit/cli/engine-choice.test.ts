import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseEngine, type EngineFlags } from '../../../src/cli/engine-choice.js';

const none: EngineFlags = { engine: 'embedded', hostOption: [], flink: {} };
const address = 'http://localhost:8081';

test('the embedded engine is the default and takes its threads', () => {
  assert.deepEqual(chooseEngine({ ...none, maxThreads: 3 }), { name: 'embedded', maxThreads: 3 });
});

test('Flink takes an address, and what it says of its hosts', () => {
  const flags: EngineFlags = { engine: 'flink', address, detached: true, hostNode: '/n', hostOption: ['--max-old-space-size=512'], flink: { a: 'b' } };
  assert.deepEqual(chooseEngine(flags), {
    ...{ name: 'flink', address, detached: true, reportsHost: undefined, hostNode: '/n', hostEntry: undefined },
    ...{ hostOptions: ['--max-old-space-size=512'], configuration: { a: 'b' }, caFile: undefined, certFile: undefined, keyFile: undefined },
  });
});

test('Flink takes the files of a connection by TLS', () => {
  const choice = chooseEngine({ ...none, engine: 'flink', address: 'https://flink', ca: 'ca.pem', cert: 'own.pem', key: 'own.key' });
  assert.ok(choice.name === 'flink');
  const { caFile, certFile, keyFile } = choice;
  assert.deepEqual([caFile, certFile, keyFile], ['ca.pem', 'own.pem', 'own.key']);
});

for (const [what, flags, message] of [
  ['an engine that there is not', { engine: 'spark' }, /no engine 'spark'; there are embedded and flink/],
  ['Flink without an address', { engine: 'flink' }, /--address http:/],
  ['threads on Flink', { engine: 'flink', address, maxThreads: 3 }, /--max-threads: only for --engine embedded/],
  ['an address on this machine', { address }, /--address: only for --engine flink/],
  ['TLS of Flink on this machine', { ca: 'ca.pem' }, /--ca: only for --engine flink/],
  ['flags of Flink on this machine', { detached: true, hostOption: ['x'], flink: { a: 'b' } }, /--detached, --host-option, --flink: only for --engine flink/],
] as const)
  test(`${what} is refused`, () => {
    assert.throws(
      () => chooseEngine({ ...none, ...flags }),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'OPTION_INVALID');
        assert.match(error.message, message);
        return true;
      },
    );
  });
