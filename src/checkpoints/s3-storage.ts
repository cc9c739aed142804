import { createHash } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import { MillraceError } from '../core/errors.js';
import { manifestFile } from './manifest.js';
import type { CheckpointStorage, FolderDraft, StoredFile } from './storage.js';

/** How to reach an S3-compatible store. */
export interface S3Options {
  /** 'https://s3.eu-central-1.amazonaws.com', 'http://minio:9000'; buckets are the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const callLimitMs = 120_000;
/** Of 5xx answers, with growing waits. */
const retries = 4;
/** What one PUT may carry. */
const maxObjectBytes = 5 * 1024 ** 3;

/**
 * A bucket, or a part of one: `s3://bucket/prefix`.
 *
 * ```
 *  <prefix>/<name>/state.bin        first
 *  <prefix>/<name>/manifest.json    last: its arrival is what completes the folder, and what is removed first
 * ```
 * Objects are there as a whole or not at all, and each PUT carries the hash of its bytes for the store to check. A file is
 * gathered in memory before it is sent.
 */
export class S3Storage implements CheckpointStorage {
  readonly location: string;
  readonly #client: AwsClient;
  readonly #bucket: string;
  readonly #bucketUrl: string;
  readonly #prefix: string;

  /** @throws OPTION_INVALID */
  constructor(location: string, options: S3Options) {
    const match = /^s3:\/\/([a-z0-9][a-z0-9.-]+)(?:\/(.*?))?\/*$/.exec(location);
    if (match === null)
      throw new MillraceError('OPTION_INVALID', `checkpoints at ${location}: write s3://bucket or s3://bucket/prefix`, { details: { location } });
    const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = options;
    this.location = location.replace(/\/+$/, '');
    this.#bucket = match[1]!;
    this.#bucketUrl = `${endpoint.replace(/\/+$/, '')}/${this.#bucket}`;
    this.#prefix = match[2] === undefined || match[2] === '' ? '' : `${match[2]}/`;
    this.#client = new AwsClient({
      ...{ service: 's3', region, retries, accessKeyId, secretAccessKey },
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  async list(): Promise<readonly string[]> {
    const names: string[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: this.#prefix,
        'encoding-type': 'url',
        ...(token === '' ? {} : { 'continuation-token': token }),
      });
      const answer = await this.#call('list', 'GET', `?${query.toString()}`);
      const xml = await answer.text();
      for (const [, key] of xml.matchAll(/<Key>([^<]*)<\/Key>/g)) {
        const path = decodeURIComponent(key!.replaceAll('+', ' ')).slice(this.#prefix.length);
        const [name, file, ...more] = path.split('/');
        if (name !== undefined && file === manifestFile && more.length === 0) names.push(name);
      }
      token = /<IsTruncated>true<\/IsTruncated>/.test(xml) ? /<NextContinuationToken>([^<]*)</.exec(xml)?.[1] : undefined;
    }
    return names;
  }

  async begin(name: string): Promise<FolderDraft> {
    if ((await this.#size(name, manifestFile)) !== undefined)
      throw new MillraceError('IO_FAILED', `checkpoint ${this.locate(name)}: there is one of this name; another run writes to this place`);
    const added: string[] = [];
    let isCommitted = false;
    return {
      add: async (file, content) => {
        added.push(file);
        await this.#put(name, file, Buffer.concat([...content]));
      },
      commit: () => {
        isCommitted = true;
        return Promise.resolve();
      },
      discard: async () => {
        if (isCommitted) return;
        for (const file of added.toReversed()) await this.#delete(name, file).catch(() => undefined);
      },
    };
  }

  async open(name: string, file: string): Promise<StoredFile> {
    const bytes = await this.#size(name, file);
    if (bytes === undefined) throw new MillraceError('FILE_NOT_FOUND', `checkpoint ${this.locate(name)}/${file}: no such object`);
    return {
      bytes,
      read: async (offset, length) => {
        if (length === 0) return new Uint8Array();
        const answer = await this.#call('read', 'GET', this.#path(name, file), { headers: { range: `bytes=${offset}-${offset + length - 1}` } });
        const read = new Uint8Array(await answer.arrayBuffer());
        if (read.byteLength !== length)
          throw new MillraceError(
            'CHECKPOINT_INVALID',
            `${this.locate(name)}/${file}: ends at byte ${offset + read.byteLength}, ${offset + length} were expected`,
          );
        return read;
      },
      close: () => Promise.resolve(),
    };
  }

  async remove(name: string): Promise<void> {
    await this.#delete(name, manifestFile);
    const query = new URLSearchParams({ 'list-type': '2', prefix: `${this.#prefix}${name}/`, 'encoding-type': 'url' });
    const xml = await (await this.#call('list', 'GET', `?${query.toString()}`)).text();
    for (const [, key] of xml.matchAll(/<Key>([^<]*)<\/Key>/g)) await this.#delete(name, decodeURIComponent(key!.replaceAll('+', ' ')).split('/').at(-1)!);
  }

  locate(name: string): string {
    return `${this.location}/${name}`;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #put(name: string, file: string, body: Buffer): Promise<void> {
    if (body.byteLength > maxObjectBytes)
      throw new MillraceError('UNSUPPORTED', `checkpoint ${this.locate(name)}/${file}: ${body.byteLength} bytes, one object takes at most ${maxObjectBytes}`);
    const sha256 = createHash('sha256').update(body).digest('hex');
    await this.#call('write', 'PUT', this.#path(name, file), { headers: { 'x-amz-content-sha256': sha256 }, body: new Uint8Array(body) });
  }

  async #delete(name: string, file: string): Promise<void> {
    await this.#call('remove', 'DELETE', this.#path(name, file));
  }

  async #size(name: string, file: string): Promise<number | undefined> {
    const answer = await this.#fetch('look up', 'HEAD', this.#path(name, file));
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw this.#refused('look up', answer.status, '');
    return Number(answer.headers.get('content-length'));
  }

  #path(name: string, file: string): string {
    return `/${`${this.#prefix}${name}/${file}`.split('/').map(encodeURIComponent).join('/')}`;
  }

  async #call(what: string, method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await this.#fetch(what, method, path, init);
    if (answer.ok) return answer;
    throw this.#refused(what, answer.status, await answer.text().catch(() => ''));
  }

  async #fetch(what: string, method: string, path: string, init: RequestInit = {}): Promise<Response> {
    try {
      return await this.#client.fetch(`${this.#bucketUrl}${path}`, { ...init, method, signal: AbortSignal.timeout(callLimitMs) });
    } catch (thrown) {
      throw new MillraceError('UNAVAILABLE', `checkpoints at ${this.location}: cannot ${what}: ${reason(thrown)}; check the endpoint and the network`, {
        cause: thrown,
      });
    }
  }

  #refused(what: string, status: number, body: string): MillraceError {
    const code = /<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? `status ${status}`;
    const fix = status === 403 ? '; check the access key, its rights and the region' : status === 404 ? `; check that bucket ${this.#bucket} exists` : '';
    return new MillraceError('IO_FAILED', `checkpoints at ${this.location}: cannot ${what}: ${code}${fix}`, {
      details: { location: this.location, status, code },
    });
  }
}

function reason(thrown: unknown): string {
  const cause = (thrown as { cause?: unknown }).cause ?? thrown;
  return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause);
}
