import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { setupFailed } from './run-command.js';

/**
 * Unpacks `members` (name in the archive -> path below `target`), streaming. Sizes and checksums are checked on the way.
 *
 * @throws SETUP_FAILED where a member is missing
 */
export async function unpackMembers(archive: string, members: ReadonlyMap<string, string>, target: string, onBytes: (bytes: number) => void): Promise<void> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    yauzl.open(archive, { lazyEntries: true, autoClose: false }, (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  const left = new Map(members);
  try {
    for await (const entry of entriesOf(zip)) {
      const path = left.get(entry.fileName);
      if (path === undefined) continue;
      await unpackEntry(zip, entry, join(target, path), onBytes);
      left.delete(entry.fileName);
      if (left.size === 0) return;
    }
  } finally {
    zip.close();
  }
  throw setupFailed(`${archive} lacks ${[...left.keys()].join(', ')}`, 'remove it and run setup again');
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const settle = (act: () => void) => (): void => {
        zip.removeAllListeners();
        act();
      };
      zip.on('entry', (next: Entry) => settle(() => resolve(next))());
      zip.on(
        'end',
        settle(() => resolve(undefined)),
      );
      zip.on('error', (error: Error) => settle(() => reject(error))());
      zip.readEntry();
    });
    if (entry === undefined) return;
    yield entry;
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, path: string, onBytes: (bytes: number) => void): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  stream.on('data', (chunk: Buffer) => {
    onBytes(chunk.byteLength);
  });
  await pipeline(stream, createWriteStream(path));
}
