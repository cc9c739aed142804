import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, noMetrics, systemClock, type Clock, type MetricGroup } from '../../../src/core/index.js';
import type { RecordBatch } from '../../../src/memory/batch.js';
import { makeRowBatch } from '../../../src/connectors/gatherer.js';
import type { Schema } from '../../../src/memory/schema.js';
import { deadLetterTag, type DeadLetter, type SinkConnector, type SourceConnector, type SourceRuntimeOptions } from '../../../src/stream/connector.js';
import { finalCut, type Output, type Snapshot, type SourceSubtask, type StateChunk, type Subtask, type SubtaskContext } from '../../../src/stream/subtask.js';

/** What one subtask did to the world around it. */
export interface Recorded {
  readonly batches: RecordBatch[];
  readonly letters: DeadLetter[];
  readonly passes: number[];
  readonly reports: { readonly channel: string; readonly value: unknown }[];
  readonly timers: number[];
  /** In order: watermarks, and whether the subtask is idle. */
  readonly times: (number | 'idle' | 'active')[];
  wakes: number;
}

export interface Place {
  readonly index?: number;
  readonly parallelism?: number;
  readonly attempt?: number;
  readonly restored?: boolean;
  readonly clock?: Clock;
  /** What subtasks of one start leave for each other; default: nothing to find. */
  readonly board?: Board;
  readonly metrics?: MetricGroup;
  /** Gets what a subtask fails with outside of a call; default: throws it. */
  readonly onFail?: (error: unknown) => void;
}

export type Board = Map<string, string>;

const keyGroupCount = 128;

export function makeContext(
  { index = 0, parallelism = 1, attempt = 0, restored = false, clock = systemClock, board, metrics = noMetrics, onFail }: Place,
  onWake: () => void = () => undefined,
): { readonly context: SubtaskContext; readonly recorded: Recorded } {
  const recorded: Recorded = { batches: [], letters: [], passes: [], reports: [], timers: [], times: [], wakes: 0 };
  const emit = (tag: string | undefined, batch: RecordBatch): void => {
    if (tag === deadLetterTag) recorded.letters.push(...(batch.rows() as unknown as DeadLetter[]));
    else recorded.batches.push(batch);
  };
  const output = (tag?: string): Output => ({
    emit: (batch) => emit(tag, batch),
    lend: (batch) => {
      emit(tag, batch.retain());
      return true;
    },
    emitWatermark: (watermark) => void recorded.times.push(watermark),
    emitIdle: (isIdle) => void recorded.times.push(isIdle ? 'idle' : 'active'),
    endOfPass: (passes) => void recorded.passes.push(passes),
    ready: () => undefined,
  });
  const bound = (i: number): number => Math.ceil((i * keyGroupCount) / parallelism);
  const context: SubtaskContext = {
    job: { name: 'test', id: 'test-1' },
    operator: { uid: 'subject', name: 'subject' },
    index,
    parallelism,
    parallelismOf: () => parallelism,
    host: '127.0.0.1',
    attempt,
    keyGroups: { from: bound(index), to: bound(index + 1), total: keyGroupCount },
    isRestored: restored,
    hasEnded: () => false,
    output,
    clock,
    log: createLogger(() => undefined),
    metrics,
    signal: new AbortController().signal,
    setProcessingTimer: (timeMs) => void recorded.timers.push(timeMs),
    wake: () => {
      recorded.wakes++;
      onWake();
    },
    fail: (error) => {
      if (onFail === undefined) throw error;
      onFail(error);
    },
    rendezvous: {
      publish: (key, value) => void board?.set(key, value),
      lookup: (key) => (board === undefined ? Promise.reject(new Error('no rendezvous here')) : lookUp(board, key)),
    },
    report: (channel, value) => void recorded.reports.push({ channel, value: structuredClone(value) }),
  };
  return { context, recorded };
}

async function lookUp(board: Board, key: string): Promise<string> {
  for (;;) {
    const value = board.get(key);
    if (value !== undefined) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Chunks as bytes only: what an engine stores. */
export async function chunksOf(snapshot: Snapshot | undefined): Promise<StateChunk[]> {
  const chunks: StateChunk[] = [];
  for await (const chunk of snapshot?.parts() ?? []) chunks.push({ keyGroup: chunk.keyGroup, bytes: chunk.bytes.slice() });
  return chunks;
}

/** Gives each chunk to one subtask the way an engine does: by key group, or round robin. */
export function dealOut(chunks: readonly StateChunk[], parallelism: number): StateChunk[][] {
  const dealt: StateChunk[][] = Array.from({ length: parallelism }, () => []);
  let next = 0;
  for (const chunk of chunks) {
    const owner =
      chunk.keyGroup < 0
        ? next++ % parallelism
        : Array.from({ length: parallelism }, (_, i) => i).findLast((i) => Math.ceil((i * keyGroupCount) / parallelism) <= chunk.keyGroup);
    (dealt[owner as number] as StateChunk[]).push(chunk);
  }
  return dealt;
}

const defaults: SourceRuntimeOptions = { passes: 1, onBadRecord: 'deadLetter', batchRows: 7 };

export interface SourceRun {
  readonly ended: boolean;
  readonly rows: unknown[];
  /** Rows by subtask. */
  readonly bySubtask: unknown[][];
  readonly letters: DeadLetter[];
  readonly passes: number[][];
  readonly chunks: StateChunk[];
}

/** Runs every subtask of a source, each for at most `reads` calls of read(), and takes a snapshot of each at the end. */
export async function runSource(
  connector: SourceConnector<unknown>,
  {
    parallelism = 1,
    reads = Infinity,
    restored,
    ...options
  }: Partial<SourceRuntimeOptions> & { readonly parallelism?: number; readonly reads?: number; readonly restored?: readonly StateChunk[] } = {},
): Promise<SourceRun> {
  const dealt = dealOut(restored ?? [], parallelism);
  const bySubtask: unknown[][] = [];
  const letters: DeadLetter[] = [];
  const passes: number[][] = [];
  const chunks: StateChunk[] = [];
  let ended = true;
  for (let index = 0; index < parallelism; index++) {
    const subtask = connector.create({ ...defaults, ...options });
    const { context, recorded } = makeContext({ index, parallelism, restored: restored !== undefined });
    await subtask.open(context, dealt[index] ?? []);
    ended = (await drive(subtask, recorded, reads)) && ended;
    chunks.push(...(await chunksOf(subtask.freeze?.(1))));
    await subtask.close?.(ended);
    bySubtask.push(recorded.batches.flatMap((batch) => batch.rows()));
    letters.push(...recorded.letters);
    passes.push(recorded.passes);
  }
  return { ended, rows: bySubtask.flat(), bySubtask, letters, passes, chunks };
}

async function drive(subtask: SourceSubtask, recorded: Recorded, reads: number): Promise<boolean> {
  for (let read = 0; read < reads; read++) {
    const wakes = recorded.wakes;
    const { next } = await subtask.read();
    if (next === 'end') return true;
    // A turn of the event loop stands for the engine's wait.
    while (next === 'wait' && recorded.wakes === wakes) await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

/** A sink subtask, opened. */
export async function openSink(
  sink: SinkConnector<never>,
  schema: Schema | undefined,
  place: Place = {},
  chunks: readonly StateChunk[] = [],
): Promise<{ readonly subtask: Subtask; readonly recorded: Recorded }> {
  const subtask = sink.create(schema);
  const { context, recorded } = makeContext(place);
  await subtask.open(context, chunks);
  return { subtask, recorded };
}

/** A cut: what an engine stores. */
export async function cutSink(subtask: Subtask, cut: number): Promise<StateChunk[]> {
  await subtask.prepareSnapshot?.(cut);
  const chunks = await chunksOf(subtask.freeze?.(cut));
  await subtask.complete?.(cut);
  return chunks;
}

/** The end of a stream: end of input, final cut, close. */
export async function endSink(subtask: Subtask): Promise<void> {
  await subtask.endOfInput?.(0);
  await cutSink(subtask, finalCut);
  await subtask.close?.(true);
}

/** Writes rows through a sink, in batches of 3, to its end. */
export async function writeAll(sink: SinkConnector<never>, schema: Schema | undefined, rows: readonly unknown[]): Promise<void> {
  const { subtask } = await openSink(sink, schema);
  for (const batch of batchesOf(schema, rows, 3)) await subtask.process(batch, 0);
  await endSink(subtask);
}

export function batchesOf(schema: Schema | undefined, rows: readonly unknown[], size: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let from = 0; from < rows.length; from += size) batches.push(makeRowBatch(schema, rows.slice(from, from + size)));
  return batches;
}

/** A folder that is gone after `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
