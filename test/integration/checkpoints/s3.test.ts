import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  CheckpointRepository,
  listCheckpoints,
  openStorage,
  readCheckpoint,
  readLatest,
  resolveRestore,
  verifyCheckpoint,
  type S3Options,
} from '../../../src/checkpoints/index.js';
import { cutOf } from '../../unit/checkpoints/cut-of.js';

/** s3rver: an S3 server on local files. It knows its access keys, but does not recompute version 4 signatures. */
interface S3Server {
  run(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => S3Server;

let dir: string;
let server: S3Server;
let s3: S3Options;
let folder = 0;
let place: string;
const warnings: string[] = [];

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-s3-'));
  server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory: dir, configureBuckets: [{ name: 'checkpoints' }] });
  const { port } = await server.run();
  s3 = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  place = `s3://checkpoints/jobs of ${folder++}/count`;
  warnings.length = 0;
});

const open = (location: string, options: S3Options = s3): ReturnType<typeof openStorage> => openStorage(location, options);
const warn = (message: string): void => void warnings.push(message);

async function repository(location = place): Promise<CheckpointRepository> {
  return new CheckpointRepository(await open(location), { lineage: 'aaaa', retain: 2, openTarget: open, warn });
}

async function names(): Promise<string[]> {
  return (await listCheckpoints(await open(place))).map(({ name }) => name);
}

test('checkpoints are written, listed, read byte for byte, and removed when newer ones are there', async () => {
  const store = await repository();
  for (const number of [1, 2, 3]) await store.write(cutOf(number));
  assert.deepEqual(await names(), ['checkpoint-000000003-aaaa', 'checkpoint-000000002-aaaa']);
  const storage = await open(place);
  const read = await readLatest(storage, warn);
  assert.equal(read.location, `${place}/checkpoint-000000003-aaaa`);
  assert.deepEqual([...read.state.get('worker')![0]!.bytes], [...cutOf(3).state.get('worker')![0]!.bytes]);
  assert.deepEqual(
    read.state.get('numbers')!.map(({ keyGroup, bytes }) => [keyGroup, ...bytes]),
    [[-1, 1, 2, 3], [-1]],
  );
  await assert.rejects(storage.open('checkpoint-000000001-aaaa', 'state.bin'), { code: 'FILE_NOT_FOUND' });
  assert.deepEqual(warnings, []);
});

test('a savepoint elsewhere in the store is found by its location, and by the folder it lies in', async () => {
  const info = await (await repository()).write(cutOf(7, { kind: 'savepoint' }), `${place}-savepoints`);
  assert.equal(info.location, `${place}-savepoints/savepoint-000000007-aaaa`);
  const storage = await open(place);
  for (const from of [info.location, `${place}-savepoints`]) assert.equal((await resolveRestore({ from, storage, open, warn })).number, 7);
  await assert.rejects(resolveRestore({ from: `${place}/savepoint-000000009-aaaa`, storage, open, warn }), { code: 'CHECKPOINT_NOT_FOUND' });
  await assert.rejects(readLatest(storage, warn), { code: 'CHECKPOINT_NOT_FOUND' });
});

test('a folder without its manifest is no checkpoint; a truncated state is detected, and the checkpoint before is used', async () => {
  const store = await repository();
  await store.write(cutOf(1));
  const storage = await open(place);
  const half = await storage.begin('checkpoint-000000002-aaaa');
  await half.add('state.bin', [Uint8Array.of(1, 2, 3)]);
  assert.deepEqual(await names(), ['checkpoint-000000001-aaaa']);
  await half.discard();
  await assert.rejects(storage.open('checkpoint-000000002-aaaa', 'state.bin'), { code: 'FILE_NOT_FOUND' });

  await store.write(cutOf(3));
  // As a broken tool would: over an object of a complete checkpoint.
  await (await (await open(place.slice(0, place.lastIndexOf('/')))).begin('count')).add('checkpoint-000000003-aaaa/state.bin', [Uint8Array.of(1)]);
  await assert.rejects(verifyCheckpoint(storage, 'checkpoint-000000003-aaaa'), { code: 'CHECKPOINT_INVALID', message: /state.bin: damaged: 1 bytes/ });
  assert.equal((await readLatest(storage, warn)).number, 1);
  assert.match(warnings[0]!, /000000003.*the checkpoint before it is used/);
});

test('a second run that writes the same number is refused', async () => {
  await (await repository()).write(cutOf(1));
  await assert.rejects((await repository()).write(cutOf(1)), { code: 'IO_FAILED', message: /another run writes to this place/ });
  assert.equal((await readCheckpoint(await open(place), 'checkpoint-000000001-aaaa')).number, 1);
});

test('a wrong key, a missing bucket and an unreachable endpoint are one clear error each', async () => {
  await assert.rejects(async () => (await open(place, { ...s3, accessKeyId: 'wrong' })).list(), {
    code: 'IO_FAILED',
    message: /InvalidAccessKeyId; check the access key/,
  });
  await assert.rejects(async () => (await open('s3://nowhere/x')).list(), { code: 'IO_FAILED', message: /NoSuchBucket; check that bucket nowhere exists/ });
  await assert.rejects(async () => (await open(place, { ...s3, endpoint: 'http://127.0.0.1:1' })).list(), {
    code: 'UNAVAILABLE',
    message: /cannot list.*check the endpoint/,
  });
  await assert.rejects(openStorage('s3://checkpoints/x'), { code: 'OPTION_INVALID', message: /set AWS_ACCESS_KEY_ID/ });
  await assert.rejects(openStorage('gs://checkpoints/x', s3), { code: 'OPTION_INVALID', message: /not known/ });
});
