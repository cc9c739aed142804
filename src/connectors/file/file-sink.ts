import { accessSync, constants } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import type { SinkConnector } from '../../stream/connector.js';
import type { Snapshot, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { decodeChunk, encodeChunk } from '../state-chunk.js';
import type { EncoderFactory, FileEncoder } from './file-encoder.js';
import { PartFile, publish } from './part-file.js';
import { isDirectoryPath, tryStat } from './paths.js';

/**
 * Files of a sink. While a file is written its name ends in `.inprogress` (follow it with `tail -F`); it gets its own name
 * when the stream has ended or was stopped, in place of an older file. A job that fails or is cancelled leaves the
 * `.inprogress` file behind.
 *
 * Rows are in the file exactly once: a cut knows how long each file was, and a restore cuts off what came later.
 *
 * A path that ends with '/' or is a directory gets part files, `part-<job>-<attempt>-<subtask>-<n>`, of every parallel
 * subtask; any other path is one file, written at parallelism 1.
 */
export interface FileSinkOptions {
  /** Rows wait at most this long for the file, in ms, so that a slow stream can be watched. Default 1000. */
  readonly flushMs?: number;
  /** Bytes gathered for one write. Default 262144. */
  readonly bufferBytes?: number;
  /** In a directory: a part file of at least this size is finished at the next cut. Default 134217728 (128 MiB). */
  readonly partBytes?: number;
}

export const fileSinkOptions = z.strictObject({
  flushMs: z.number().positive().default(1000),
  bufferBytes: z.number().int().positive().default(262_144),
  partBytes: z
    .number()
    .int()
    .positive()
    .default(128 * 1024 * 1024),
});

export type ResolvedFileSinkOptions = Readonly<z.output<typeof fileSinkOptions>>;

export interface FileSinkSpec {
  readonly name: string;
  readonly extension: string;
  readonly path: string;
  readonly options: ResolvedFileSinkOptions;
  readonly encoder: EncoderFactory;
  /** The format has columns: schemaless rows are a problem. */
  readonly needsSchema?: boolean;
}

export function fileSink(spec: FileSinkSpec): SinkConnector<unknown> {
  const directory = isDirectoryPath(spec.path);
  return {
    name: spec.name,
    maxParallelism: directory ? undefined : 1,
    notes: [`path ${spec.path}`],
    validate: (schema) => [
      ...(spec.needsSchema === true && schema === undefined
        ? [`${spec.path}: ${spec.name} has columns, and this stream has no schema; derive typed columns or write JSON Lines`]
        : []),
      ...unwritable(directory ? join(spec.path, 'part') : spec.path),
    ],
    create: (schema) => new FileSink(spec, directory, schema),
  };
}

/** Why a file cannot be made at `path`; its missing parents will be created. */
function unwritable(path: string): readonly string[] {
  let folder = dirname(resolve(path));
  while (tryStat(folder) === undefined && folder !== dirname(folder)) folder = dirname(folder);
  if (tryStat(folder)?.isDirectory() !== true) return [`${path}: cannot be written, ${folder} is not a directory`];
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return [];
  } catch {
    return [`${path}: cannot be written, no permission for ${folder}; choose another path`];
  }
}

/** What a cut knows of one file. */
interface PartState {
  readonly path: string;
  readonly bytes: number;
  readonly encoder: unknown;
  /** Nothing more will be written: it gets its final name when the cut is complete. */
  readonly sealed: boolean;
}

interface SealedPart {
  readonly path: string;
  readonly bytes: number;
  /** The first cut that holds the whole file; undefined until one was frozen. */
  cut: number | undefined;
}

const stateVersion = 1;

/**
 * ```
 *  write ──► .inprogress ──(stream ended, or large enough at a cut)──► sealed ──(that cut complete)──► published
 * ```
 */
class FileSink implements Subtask {
  readonly #spec: FileSinkSpec;
  readonly #directory: boolean;
  readonly #schema: Schema | undefined;
  #context!: SubtaskContext;
  #part: { readonly file: PartFile; readonly encoder: FileEncoder } | undefined;
  #sealed: SealedPart[] = [];
  #partCount = 0;
  #timerSet = false;

  constructor(spec: FileSinkSpec, directory: boolean, schema: Schema | undefined) {
    this.#spec = spec;
    this.#directory = directory;
    this.#schema = schema;
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    this.#context = context;
    for (const chunk of restored) await this.#resume(decodeChunk(stateVersion, chunk, context.operator.name) as PartState);
    // A single file is there even if no row ever comes.
    if (!this.#directory && !context.isRestored) await this.#begin();
  }

  async process(batch: RecordBatch): Promise<void> {
    const { file, encoder } = this.#part ?? (await this.#begin());
    file.append(encoder.write(batch));
    if (file.pendingBytes >= this.#spec.options.bufferBytes) await file.flush();
    else if (file.pendingBytes > 0) this.#setTimer();
  }

  async onProcessingTime(): Promise<void> {
    this.#timerSet = false;
    await this.#part?.file.flush();
  }

  async endOfInput(): Promise<void> {
    await this.#seal();
  }

  async prepareSnapshot(): Promise<void> {
    if (this.#part === undefined) return;
    const { file, encoder } = this.#part;
    file.append(encoder.flush());
    await file.sync();
    if (this.#directory && file.bytes >= this.#spec.options.partBytes) await this.#seal();
  }

  freeze(cut: number): Snapshot {
    for (const part of this.#sealed) part.cut ??= cut;
    const states: PartState[] = this.#sealed.map(({ path, bytes }) => ({ path, bytes, encoder: null, sealed: true }));
    if (this.#part !== undefined) {
      const { file, encoder } = this.#part;
      states.push({ path: file.path, bytes: file.bytes, encoder: encoder.state(), sealed: false });
    }
    return { parts: () => states.map((state) => encodeChunk(stateVersion, state)) };
  }

  async complete(cut: number): Promise<void> {
    const ready = this.#sealed.filter((part) => part.cut !== undefined && part.cut <= cut);
    this.#sealed = this.#sealed.filter((part) => !ready.includes(part));
    for (const part of ready) await publish(part.path);
  }

  async close(drained: boolean): Promise<void> {
    if (drained) {
      // An engine without a final cut ends here; with one, nothing is left to do.
      await this.#seal();
      for (const { path } of this.#sealed) await publish(path);
      this.#sealed = [];
      return;
    }
    const part = this.#part;
    this.#part = undefined;
    if (part === undefined) return;
    // The job ends for another reason, which an error here must not hide; rows at hand are of use to whoever looks for it.
    await part.file.flush().catch(() => undefined);
    await part.file.close().catch(() => undefined);
  }

  async #resume({ path, bytes, encoder, sealed }: PartState): Promise<void> {
    if (sealed) {
      await publish(path);
      return;
    }
    // Parts of subtasks that are no more: one goes on, the others are complete as they are.
    await this.#seal();
    this.#part = {
      file: await PartFile.resume(path, bytes, this.#context.predecessorMayLive),
      encoder: await this.#spec.encoder(this.#schema, { state: encoder, bytes }),
    };
  }

  async #begin(): Promise<{ readonly file: PartFile; readonly encoder: FileEncoder }> {
    const file = this.#directory ? await this.#beginPart() : await PartFile.create(this.#spec.path);
    const encoder = await this.#spec.encoder(this.#schema);
    file.append(encoder.start());
    this.#part = { file, encoder };
    return this.#part;
  }

  /** Attempts may be counted anew when a job goes on from a savepoint, and another subtask may still hold a part of that name. */
  async #beginPart(): Promise<PartFile> {
    const { job, attempt, index } = this.#context;
    for (;;) {
      const name = `part-${job.id.replace(/[^\w.-]/g, '_')}-${attempt}-${index}-${this.#partCount++}${this.#spec.extension}`;
      const file = await PartFile.createNew(join(this.#spec.path, name));
      if (file !== undefined) return file;
    }
  }

  async #seal(): Promise<void> {
    if (this.#part === undefined) return;
    const { file, encoder } = this.#part;
    file.append(encoder.flush());
    file.append(encoder.end());
    await file.seal();
    this.#part = undefined;
    this.#sealed.push({ path: file.path, bytes: file.bytes, cut: undefined });
  }

  #setTimer(): void {
    if (this.#timerSet) return;
    this.#timerSet = true;
    this.#context.setProcessingTimer(this.#context.clock.now() + this.#spec.options.flushMs);
  }
}
