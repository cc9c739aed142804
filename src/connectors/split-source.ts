import type { RecordBatch } from '../memory/batch.js';
import type { SourceRuntimeOptions } from '../stream/connector.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../stream/subtask.js';
import { DeadLetterWriter, type BadRecord } from './dead-letters.js';
import { decodeChunk, encodeChunk } from './state-chunk.js';

/** Data that can be cut into splits, each read from a position on: files, row groups. */
export interface SplitFormat {
  /** Ids of all splits in reading order; the same on every subtask. Called once, on a first start. */
  discover(): Promise<readonly string[]>;
  /** @param position where an earlier reader of this split stopped; 0 at its beginning */
  open(split: string, position: number): Promise<SplitReader>;
}

export interface SplitReader {
  /** Reads at most about `maxRows` records. */
  read(maxRows: number): Promise<SplitRead>;
  close(): Promise<void>;
}

export interface SplitRead {
  readonly batch: RecordBatch | undefined;
  readonly bad: readonly BadRecord[];
  /** Where to go on: every record before it is in this read or an earlier one. Meaning is the format's. */
  readonly position: number;
  readonly done: boolean;
}

interface SplitState {
  readonly id: string;
  /** Place in the order of reading. */
  readonly ordinal: number;
  /** Passes completed. */
  pass: number;
  position: number;
}

const stateVersion = 1;

/**
 * A bounded source over splits: each is read by one subtask, one after the other, as often as there are passes.
 *
 * ```
 *  splits    [a: pass 2 ][b: pass 1, at 4711][c: pass 1]     next: the one with the fewest passes, then the lowest ordinal
 *  snapshot   one chunk (ordinal, pass, position) per split; any subtask can go on with it
 * ```
 */
export class SplitSource implements SourceSubtask {
  readonly #format: SplitFormat;
  readonly #options: SourceRuntimeOptions;
  #context!: SubtaskContext;
  #letters!: DeadLetterWriter;
  #splits: SplitState[] = [];
  #reader: SplitReader | undefined;
  #current: SplitState | undefined;
  #announced = 0;
  #draining = false;

  constructor(format: SplitFormat, options: SourceRuntimeOptions) {
    this.#format = format;
    this.#options = options;
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    this.#context = context;
    this.#letters = new DeadLetterWriter(context, this.#options.onBadRecord);
    if (context.isRestored) {
      this.#splits = restored.map((chunk) => decodeChunk(stateVersion, chunk, context.operator.name) as SplitState);
      this.#splits.sort((a, b) => a.ordinal - b.ordinal);
    } else {
      const ids = await this.#format.discover();
      this.#splits = ids.map((id, ordinal) => ({ id, ordinal, pass: 0, position: 0 })).filter(({ ordinal }) => ordinal % context.parallelism === context.index);
    }
  }

  async read(): Promise<ReadResult> {
    this.#announcePasses();
    const split = this.#draining ? undefined : (this.#current ?? this.#next());
    if (split === undefined) return { next: 'end' };
    this.#current = split;
    this.#reader ??= await this.#format.open(split.id, split.position);
    const { batch, bad, position, done } = await this.#reader.read(this.#options.batchRows);
    this.#letters.write(bad);
    if (batch !== undefined && batch.length > 0) this.#context.output().emit(batch);
    split.position = position;
    if (done) await this.#finish(split);
    return { next: 'more' };
  }

  drain(): void {
    this.#draining = true;
    this.#context.wake();
  }

  freeze(): Snapshot {
    const splits = this.#splits.map((split) => ({ ...split }));
    return { parts: () => splits.map((split) => encodeChunk(stateVersion, split)) };
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    this.#reader = undefined;
  }

  async #finish(split: SplitState): Promise<void> {
    split.pass++;
    split.position = 0;
    this.#current = undefined;
    await this.#reader?.close();
    this.#reader = undefined;
    this.#announcePasses();
  }

  #next(): SplitState | undefined {
    const pass = this.#completedPasses();
    return pass < this.#options.passes ? this.#splits.find((split) => split.pass === pass) : undefined;
  }

  /** Passes that all splits have behind them. */
  #completedPasses(): number {
    return this.#splits.reduce((least, split) => Math.min(least, split.pass), this.#options.passes);
  }

  /** After a restore this repeats the last mark: which marks have arrived downstream is not part of a cut. */
  #announcePasses(): void {
    const passes = this.#splits.length === 0 ? 0 : this.#completedPasses();
    if (passes <= this.#announced) return;
    this.#announced = passes;
    this.#context.output().endOfPass(passes);
  }
}
