import { createRequire } from 'node:module';
import { gunzipSync, gzipSync } from 'node:zlib';
import { MillraceError } from '../../../core/errors.js';
import type { Compression } from '../client.js';

interface Codec {
  compress(bytes: Buffer): Uint8Array;
  decompress(bytes: Buffer): Uint8Array;
}

/** By the number that a record batch carries in its attributes. */
export const compressionNames: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const require = createRequire(import.meta.url);
const loaded = new Map<Compression, Codec>();

/** Native libraries and wasm are loaded when the first batch needs them. */
const loaders: Readonly<Record<Exclude<Compression, 'none'>, () => Codec>> = {
  gzip: () => ({ compress: gzipSync, decompress: gunzipSync }),
  snappy: () => {
    const { compressSync, uncompressSync } = require('snappy') as typeof import('snappy');
    return { compress: (bytes) => compressSync(bytes), decompress: (bytes) => unframeSnappy(bytes, (block) => uncompressSync(block) as Buffer) };
  },
  lz4: () => {
    const { compressFrameSync, decompressFrameSync } = require('lz4-napi') as typeof import('lz4-napi');
    return { compress: (bytes) => compressFrameSync(bytes), decompress: (bytes) => decompressFrameSync(bytes) };
  },
  zstd: () => {
    if (!isZstdReady) throw new MillraceError('INTERNAL', 'Kafka: zstd is used before prepareCompression()');
    const { compress, decompress } = require('@bokuweb/zstd-wasm') as typeof import('@bokuweb/zstd-wasm');
    return { compress: (bytes) => compress(bytes), decompress: (bytes) => decompress(bytes) };
  },
};

let isZstdReady = false;

/** Has to be awaited once per thread, before any batch: wasm compiles asynchronously. */
export async function prepareCompression(): Promise<void> {
  if (isZstdReady) return;
  await (require('@bokuweb/zstd-wasm') as typeof import('@bokuweb/zstd-wasm')).init();
  isZstdReady = true;
}

function codecOf(name: Exclude<Compression, 'none'>): Codec {
  let codec = loaded.get(name);
  if (codec === undefined) loaded.set(name, (codec = loaders[name]()));
  return codec;
}

export function compress(name: Compression, bytes: Buffer): Buffer {
  return name === 'none' ? bytes : asBuffer(codecOf(name).compress(bytes));
}

/** @throws FORMAT_INVALID for a codec that Kafka does not have, or bytes that it did not make */
export function decompress(type: number, bytes: Buffer): Buffer {
  const name = compressionNames[type];
  if (name === undefined) throw new MillraceError('FORMAT_INVALID', `Kafka: a record batch is compressed by codec ${type}, which is unknown`);
  if (name === 'none') return bytes;
  try {
    return asBuffer(codecOf(name).decompress(bytes));
  } catch (thrown) {
    throw MillraceError.from(thrown, 'FORMAT_INVALID', `Kafka: a record batch could not be decompressed by ${name}`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const snappyMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const snappyHeaderBytes = 16;

/**
 * Java producers write snappy in the framing of xerial, others plain.
 *
 *     magic (8) │ version int32 │ compatible int32 │ { length int32 │ block }*
 */
function unframeSnappy(bytes: Buffer, decompressBlock: (block: Buffer) => Buffer): Buffer {
  if (!bytes.subarray(0, snappyMagic.length).equals(snappyMagic)) return decompressBlock(bytes);
  const blocks: Buffer[] = [];
  for (let at = snappyHeaderBytes; at < bytes.length;) {
    const length = bytes.readInt32BE(at);
    blocks.push(decompressBlock(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}
