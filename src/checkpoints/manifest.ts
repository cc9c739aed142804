import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MillraceError } from '../core/errors.js';

export const manifestFile = 'manifest.json';
export const stateFile = 'state.bin';

/** Version of the whole layout: manifest and state file. Readers take every version up to theirs. In the first one sections had a SHA-256. */
export const formatVersion = 2;
const formatName = 'millrace-checkpoint';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const crc32 = z.string().regex(/^[0-9a-f]{8}$/);
const count = z.int().min(0);

const operator = z
  .object({
    uid: z.string(),
    name: z.string(),
    kind: z.string(),
    role: z.string().optional(),
    parallelism: z.int().min(1),
    /** Where its chunks lie in the state file. */
    offset: count,
    bytes: count,
    chunks: count,
    crc32: crc32.optional(),
    sha256: sha256.optional(),
  })
  .refine((section) => (section.crc32 === undefined) !== (section.sha256 === undefined));

const body = z.object({
  number: count,
  kind: z.enum(['checkpoint', 'savepoint', 'final']),
  takenAtMs: z.number(),
  /** Id of the first run; runs that restore go on with it. */
  lineage: z.string(),
  writtenBy: z.string(),
  job: z.object({ id: z.string(), name: z.string() }),
  bundle: z.string(),
  params: z.record(z.string(), z.unknown()),
  keyGroups: z.int().min(1),
  fingerprint: z.string(),
  stateBytes: count,
  operators: z.array(operator),
});

const header = z.object({ format: z.literal(formatName), version: z.int().min(1), bytes: count, sha256 });

export type Manifest = Readonly<z.output<typeof body>>;
export type ManifestOperator = Readonly<z.output<typeof operator>>;

/**
 * Two lines of JSON: what this is and the hash of what follows, then the manifest.
 *
 * ```
 * {"format":"millrace-checkpoint","version":2,"bytes":…,"sha256":"…"}\n
 * {"number":42,"kind":"checkpoint",…,"operators":[{"uid":"…","offset":8,"bytes":…,"chunks":…,"crc32":"…"},…]}\n
 * ```
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const text = Buffer.from(`${JSON.stringify(manifest)}\n`);
  const first = JSON.stringify({ format: formatName, version: formatVersion, bytes: text.length, sha256: hashOf(text) });
  return Buffer.concat([Buffer.from(`${first}\n`), text]);
}

/** @throws CHECKPOINT_INVALID where it is torn, damaged, or of a later version */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = text.indexOf(0x0a);
  const head = parsed(header, text.subarray(0, Math.max(end, 0)), where, 'its first line');
  if (head.version > formatVersion) {
    throw new MillraceError('CHECKPOINT_INVALID', `${where}: format version ${head.version}; this build reads versions up to ${formatVersion}`, {
      details: { version: head.version, limit: formatVersion },
    });
  }
  const rest = text.subarray(end + 1);
  if (rest.length !== head.bytes) throw invalid(where, `the manifest has ${rest.length} bytes, its first line says ${head.bytes}`);
  if (hashOf(rest) !== head.sha256) throw invalid(where, 'the hash of the manifest is another one than its first line says');
  return parsed(body, rest, where, 'its second line');
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function invalid(where: string, what: string): MillraceError {
  return new MillraceError('CHECKPOINT_INVALID', `${where}: damaged: ${what}`, { details: { path: where } });
}

function parsed<S extends z.ZodType>(schema: S, text: Buffer, where: string, what: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text.toString('utf8')));
  } catch {
    throw invalid(where, `the manifest cannot be read, ${what} is not what was written`);
  }
}
