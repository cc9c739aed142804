import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  CheckpointRepository,
  DirectoryStorage,
  listCheckpoints,
  openStorage,
  readCheckpoint,
  readLatest,
  resolveRestore,
  verifyCheckpoint,
} from '../../../src/checkpoints/index.js';
import { decodeManifest, encodeManifest } from '../../../src/checkpoints/manifest.js';
import type { JobCut } from '../../../src/stream/checkpoint.js';
import type { StateChunk } from '../../../src/stream/subtask.js';
import { chunk, cutOf } from './cut-of.js';

let dir: string;
let storage: DirectoryStorage;
let warnings: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'));
  storage = new DirectoryStorage(join(dir, 'count'));
  warnings = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const warn = (message: string): void => void warnings.push(message);

function repository(lineage = 'aaaa', retain = 3): CheckpointRepository {
  return new CheckpointRepository(storage, { lineage, retain, openTarget: openStorage, warn });
}

function plain({ state, ...cut }: JobCut): object {
  return { ...cut, state: [...state].map(([uid, chunks]) => [uid, chunks.map(({ keyGroup, bytes }) => [keyGroup, [...bytes]])]) };
}

async function names(): Promise<string[]> {
  return (await listCheckpoints(storage)).map(({ name }) => name);
}

test('what was written is read again, byte for byte', async () => {
  const cut = cutOf(42);
  const info = await repository().write(cut);
  assert.equal(info.location, join(dir, 'count', 'checkpoint-000000042-aaaa'));
  assert.deepEqual(readdirSync(info.location).sort(), ['manifest.json', 'state.bin']);
  assert.equal(info.bytes, readFileSync(join(info.location, 'manifest.json')).length + readFileSync(join(info.location, 'state.bin')).length);
  const { lineage, location, ...read } = await readCheckpoint(storage, 'checkpoint-000000042-aaaa');
  assert.deepEqual([lineage, location], ['aaaa', info.location]);
  assert.deepEqual(plain(read), plain(cut));
  assert.deepEqual(readdirSync(join(dir, 'count')), ['checkpoint-000000042-aaaa'], 'nothing is left beside it');
});

test('thousands of small chunks and one of megabytes are written as they are', async () => {
  const large: StateChunk = { keyGroup: -1, bytes: new Uint8Array(5_000_000).map((_, i) => i % 251) };
  const small = Array.from({ length: 3000 }, (_, i) => chunk(i % 128, ...Array.from({ length: i % 11 }, () => i % 256)));
  const cut = cutOf(1, { state: new Map([['count', [...small, large, ...small]]]) });
  await repository().write(cut);
  const { state } = await readLatest(storage, warn);
  assert.deepEqual(state.get('count'), cut.state.get('count'));
});

test('a checkpoint without any state is one', async () => {
  await repository().write(cutOf(1, { operators: [], state: new Map() }));
  assert.equal((await readLatest(storage, warn)).state.size, 0);
});

test('the newest checkpoints of a lineage are kept, and all savepoints', async () => {
  for (let number = 1; number <= 3; number++) await repository('old').write(cutOf(number));
  await repository('new', 2).write(cutOf(4, { kind: 'savepoint' }));
  for (let number = 5; number <= 8; number++) await repository('new', 2).write(cutOf(number));
  await repository('new', 2).write(cutOf(9, { kind: 'final' }));
  assert.deepEqual(await names(), [
    'final-000000009-new',
    'checkpoint-000000008-new',
    'savepoint-000000004-new',
    ...[3, 2, 1].map((number) => `checkpoint-00000000${number}-old`),
  ]);
  assert.deepEqual(warnings, []);
});

test('a savepoint goes where it is wanted', async () => {
  const target = join(dir, 'elsewhere');
  const info = await repository().write(cutOf(5, { kind: 'savepoint' }), target);
  assert.equal(info.location, join(target, 'savepoint-000000005-aaaa'));
  assert.deepEqual(await names(), []);
  assert.equal((await resolveRestore({ from: info.location, storage, open: openStorage, warn })).number, 5);
  assert.equal((await resolveRestore({ from: target, storage, open: openStorage, warn })).number, 5);
});

test('two runs that write the same number do not mix: the second is refused', async () => {
  await repository().write(cutOf(1));
  await assert.rejects(repository().write(cutOf(1)), { code: 'IO_FAILED', message: /another run writes to this directory/ });
  assert.deepEqual(readdirSync(join(dir, 'count')), ['checkpoint-000000001-aaaa']);
});

test('what a dead process left half written is no checkpoint, and is cleared away; what a living one writes stays', async () => {
  await repository().write(cutOf(1));
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const living = `.writing-checkpoint-000000003-aaaa-${hostname()}-${process.ppid}`;
  for (const name of ['.removed-checkpoint-000000000-aaaa', `.writing-checkpoint-000000002-aaaa-${hostname()}-${dead}`, living]) {
    mkdirSync(join(dir, 'count', name));
    writeFileSync(join(dir, 'count', name, 'state.bin'), 'x');
  }
  storage = new DirectoryStorage(join(dir, 'count'));
  assert.deepEqual(await names(), ['checkpoint-000000001-aaaa']);
  await repository().write(cutOf(2));
  assert.deepEqual(readdirSync(join(dir, 'count')).sort(), [living, 'checkpoint-000000001-aaaa', 'checkpoint-000000002-aaaa']);
});

test('where nothing was ever written, and where it is not, one clear error says so', async () => {
  await assert.rejects(readLatest(storage, warn), { code: 'CHECKPOINT_NOT_FOUND', message: /no checkpoint in .*count/ });
  await assert.rejects(resolveRestore({ from: join(dir, 'nowhere'), storage, open: openStorage, warn }), { code: 'CHECKPOINT_NOT_FOUND' });
  await assert.rejects(resolveRestore({ from: join(dir, 'checkpoint-000000009-aaaa'), storage, open: openStorage, warn }), { code: 'CHECKPOINT_NOT_FOUND' });
});

/** Every way in which a file can come to harm. */
const damages: Readonly<Record<string, (path: string) => void>> = {
  truncated: (path) => truncateSync(path, readFileSync(path).length - 1),
  empty: (path) => truncateSync(path, 0),
  longer: (path) => writeFileSync(path, 'x', { flag: 'a' }),
  missing: (path) => rmSync(path),
};

for (const file of ['manifest.json', 'state.bin']) {
  for (const [name, harm] of Object.entries(damages)) {
    test(`${file} ${name}: detected, and the checkpoint before is used`, async () => {
      await repository().write(cutOf(1));
      const { location } = await repository().write(cutOf(2));
      harm(join(location, file));
      await assert.rejects(verifyCheckpoint(storage, 'checkpoint-000000002-aaaa'), (error: Error & { code?: string }) => {
        assert.match(String(error.code), /CHECKPOINT_INVALID|FILE_NOT_FOUND/);
        assert.ok(error.message.includes(file), error.message);
        return true;
      });
      assert.equal((await readLatest(storage, warn)).number, 1);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /checkpoint-000000002.*the checkpoint before it is used/);
    });
  }

  test(`${file}: any flipped bit is detected`, async () => {
    const { location } = await repository().write(cutOf(1));
    const path = join(location, file);
    const original = readFileSync(path);
    for (let at = 0; at < original.length; at++) {
      const harmed = Buffer.from(original);
      harmed[at]! ^= 1 << (at % 8);
      writeFileSync(path, harmed);
      await assert.rejects(readCheckpoint(storage, 'checkpoint-000000001-aaaa'), { code: 'CHECKPOINT_INVALID' }, `byte ${at}`);
    }
    writeFileSync(path, original);
    assert.equal((await readCheckpoint(storage, 'checkpoint-000000001-aaaa')).number, 1);
  });
}

test('where every checkpoint is damaged all are named; those of another run are not used in their place', async () => {
  await repository('other').write(cutOf(1));
  for (const number of [2, 3]) truncateSync(join((await repository().write(cutOf(number))).location, 'state.bin'), 9);
  await assert.rejects(readLatest(storage, warn), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'CHECKPOINT_INVALID');
    assert.match(error.message, /000000003-aaaa[^]*000000002-aaaa/);
    assert.doesNotMatch(error.message, /other/);
    return true;
  });
});

test('a manifest of a later version is refused by its number', () => {
  const bytes = Buffer.from(encodeManifest(decodeManifest(encodeManifestOf(), 'here')));
  const later = Buffer.from(bytes.toString().replace('"version":2', '"version":3'));
  assert.throws(() => decodeManifest(later, 'here'), { code: 'CHECKPOINT_INVALID', message: /format version 3; this build reads versions up to 2/ });
});

function encodeManifestOf(): Uint8Array {
  const { state: _state, ...facts } = cutOf(1);
  return encodeManifest({ ...facts, params: { ...facts.params }, lineage: 'aaaa', writtenBy: 'test', stateBytes: 8, operators: [] });
}

for (const version of [1, 2]) {
  test(`a checkpoint that version ${version} of the format wrote is read`, async () => {
    const stored = resolve(import.meta.dirname, `../../../../test/fixtures/checkpoints/v${version}`);
    const { lineage, location, ...read } = await readLatest(new DirectoryStorage(stored), warn);
    assert.equal(lineage, 'aaaa');
    assert.deepEqual(plain(read), plain(cutOf(42)));
    assert.match(readFileSync(join(location, 'manifest.json'), 'utf8'), new RegExp(`"version":${version},`));
  });
}

test('a state of the first version that is not that of its SHA-256 is refused', async () => {
  const name = 'checkpoint-000000042-aaaa';
  cpSync(resolve(import.meta.dirname, '../../../../test/fixtures/checkpoints/v1', name), join(storage.location, name), { recursive: true });
  const path = join(storage.location, name, 'state.bin');
  const bytes = readFileSync(path);
  bytes[16]! ^= 1;
  writeFileSync(path, bytes);
  await assert.rejects(readCheckpoint(storage, name), { code: 'CHECKPOINT_INVALID', message: /operator numbers: damaged: the checksum/ });
});
