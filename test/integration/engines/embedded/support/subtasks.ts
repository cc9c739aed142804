import type { RecordBatch } from '../../../../../src/memory/batch.js';
import { keyGroupOf } from '../../../../../src/stream/state/key-groups.js';
import type { Output, ReadResult, Snapshot, SourceSubtask, StateChunk, Subtask, SubtaskContext } from '../../../../../src/stream/subtask.js';
import { batchOf } from './batch-of.js';

export interface Row {
  readonly key: string;
  readonly n: number;
  readonly subtask: number;
}

function chunk(keyGroup: number, value: unknown): StateChunk {
  return { keyGroup, bytes: new TextEncoder().encode(JSON.stringify(value)) };
}

function valueOf<T>({ bytes }: StateChunk): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}

interface Split {
  readonly id: number;
  next: number;
}

export interface NumbersOptions {
  /** Numbers 0..count-1, dealt to `splits` by remainder. */
  readonly count: number;
  readonly splits: number;
  readonly batchRows: number;
  /** Distinct keys; the key of n is 'k' + n mod keys. */
  readonly keys: number;
  /** Pause after each batch. */
  readonly pauseMs?: number;
  /** Emits a watermark of n after each batch. */
  readonly watermarks?: boolean;
  /** Subtask that says it is idle at once and never emits a watermark. */
  readonly idleSubtask?: number;
  /** How many of `count` the first attempts may read, one after the other; those that follow read on: a job that is to be scaled must not end before. */
  readonly heldAt?: readonly number[];
  /** Numbers after which subtask 0 goes on without a pause, all others hold. */
  readonly bounded?: boolean;
}

/** Counts up, split by split; every split is one chunk of state. */
export class Numbers implements SourceSubtask {
  #splits: Split[] = [];
  #output!: Output;
  #context!: SubtaskContext;
  #draining = false;

  constructor(private readonly options: NumbersOptions) {}

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    context.report('open', context.attempt);
    this.#output = context.output();
    this.#splits = context.isRestored
      ? restored.map((part) => valueOf<Split>(part))
      : Array.from({ length: this.options.splits }, (_, id) => ({ id, next: id })).filter(({ id }) => id % context.parallelism === context.index);
    if (this.options.idleSubtask === context.index) this.#output.emitIdle(true);
  }

  read(): ReadResult {
    if (this.#draining) return { next: 'end' };
    const { count, splits, batchRows, keys, pauseMs, bounded, heldAt } = this.options;
    const split = this.#splits.filter(({ next }) => next < count).sort((a, b) => a.next - b.next)[0];
    const held = heldAt?.[this.#context.attempt];
    if (split !== undefined && held !== undefined && split.next >= held) return { next: 'wait', afterMs: 5 };
    if (split === undefined || this.options.idleSubtask === this.#context.index) return bounded === false ? { next: 'wait', afterMs: 50 } : { next: 'end' };
    const rows: Row[] = [];
    for (; split.next < count && rows.length < batchRows; split.next += splits)
      rows.push({ key: `k${split.next % keys}`, n: split.next, subtask: this.#context.index });
    this.#output.emit(batchOf(rows));
    this.#context.report('read', rows.length);
    if (this.options.watermarks === true) this.#output.emitWatermark((rows.at(-1) as Row).n);
    return pauseMs === undefined ? { next: 'more' } : { next: 'wait', afterMs: pauseMs };
  }

  drain(): void {
    this.#draining = true;
  }

  freeze(): Snapshot {
    const parts = this.#splits.map((split) => chunk(-1, split));
    return { parts: () => parts };
  }
}

/** How an attempt ends early: the first one as the first entry says, and so on; at a record of at least `at`, and not before a cut of its own. */
export type FailEvery = readonly { readonly at: number; readonly how: 'throw' | 'exit' | 'kill' | 'spin' | 'hang'; readonly afterCut?: boolean }[];

/** With 'spin' the last subtask hangs this many records before the first one throws; with 'hang' it hangs, and no other fails. */
const spinsBefore = 500;

/** Emits {key, count} for each row: a running count by key, kept by key group. Fails on a key of a group not its own. */
export class CountByKey implements Subtask {
  readonly #counts = new Map<string, number>();
  #context!: SubtaskContext;

  #hasCut = false;

  constructor(
    private readonly failEvery: FailEvery = [],
    private readonly paddingBytes = 0,
  ) {}

  complete(): void {
    this.#hasCut = true;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    context.report('open', context.attempt);
    for (const part of restored) {
      const { entries, padding } = valueOf<{ entries: [string, number][]; padding: string }>(part);
      if (padding.length !== this.paddingBytes || /[^x]/.test(padding)) throw new Error('the padding is damaged');
      for (const [key, count] of entries) this.#counts.set(key, count);
    }
  }

  process(batch: RecordBatch): void {
    const { from, to, total } = this.#context.keyGroups;
    const rows = batch.rows() as unknown as Row[];
    const end = this.failEvery[this.#context.attempt];
    const isLast = this.#context.index === this.#context.parallelism - 1;
    const spins = isLast && (end?.how === 'spin' || end?.how === 'hang');
    const isDue = end?.afterCut !== true || this.#hasCut;
    if (end !== undefined && isDue && (isLast || end.how !== 'hang') && rows.some(({ n }) => n >= end.at - (spins ? spinsBefore : 0))) {
      if (end.how === 'exit') process.exit(3);
      if (end.how === 'kill') process.kill(process.pid, 'SIGKILL');
      if (spins) for (;;);
      throw new Error(`attempt ${this.#context.attempt} ends at ${end.at}`);
    }
    const out = rows.map(({ key, n }) => {
      const group = keyGroupOf(key, total);
      if (group < from || group >= to) throw new Error(`key group ${group} in subtask of ${from}..${to}`);
      const count = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, count);
      return { key, n, count, subtask: this.#context.index };
    });
    this.#context.output().emit(batchOf(out));
  }

  freeze(_cut?: number): Snapshot {
    const groups = new Map<number, [string, number][]>();
    for (const [key, count] of this.#counts) {
      const group = keyGroupOf(key, this.#context.keyGroups.total);
      groups.set(group, [...(groups.get(group) ?? []), [key, count]]);
    }
    const padding = 'x'.repeat(this.paddingBytes);
    return { parts: () => [...groups].map(([group, entries]) => chunk(group, { entries, padding })) };
  }
}

export type Tweak = (row: Row, context: SubtaskContext) => void | Promise<void>;

/** Passes batches on; `tweak` sees each row first. */
export class Pass implements Subtask {
  #context!: SubtaskContext;

  constructor(private readonly tweak?: Tweak) {}

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  process(batch: RecordBatch): void | Promise<void> {
    if (this.tweak === undefined) {
      this.#context.output().emit(batch);
      return;
    }
    return this.#tweaked(batch, this.tweak);
  }

  async #tweaked(batch: RecordBatch, tweak: Tweak): Promise<void> {
    for (const row of batch.rows() as unknown as Row[]) await tweak(row, this.#context);
    this.#context.output().emit(batch);
  }
}

/** Reports rows, marks and its life as they come. */
export class Reporter implements Subtask {
  #context!: SubtaskContext;

  constructor(private readonly pauseMs = 0) {}

  open(context: SubtaskContext): void {
    this.#context = context;
    context.report('life', 'open');
  }

  process(batch: RecordBatch, input: number): void | Promise<void> {
    this.#context.report('rows', batch.rows());
    this.#context.report('input', input);
    if (this.pauseMs > 0) return new Promise((resolve) => setTimeout(resolve, this.pauseMs));
  }

  advance(watermark: number): void {
    this.#context.report('watermark', watermark);
  }

  endOfInput(input: number): void {
    this.#context.report('life', `end ${input}`);
  }

  complete(cut: number): void {
    this.#context.report('complete', cut);
  }

  close(drained: boolean): void {
    this.#context.report('life', drained ? 'drained' : 'closed');
  }
}

/** Rows between two cuts, under a name that is the same whoever commits them. */
export interface Transaction {
  readonly name: string;
  readonly rows: readonly Row[];
}

/**
 * A sink that commits on complete cuts only, as one of a transactional store does: what is pending lies in its state, and a
 * restore commits it, perhaps again under the same name.
 */
export class Committing implements Subtask {
  #context!: SubtaskContext;
  #rows: Row[] = [];
  #pending: { readonly cut: number; readonly transaction: Transaction }[] = [];
  #count = 0;

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    context.report('open', context.attempt);
    for (const part of restored) context.report('committed', valueOf<Transaction>(part));
  }

  process(batch: RecordBatch): void {
    this.#rows.push(...(batch.rows() as unknown as Row[]));
  }

  freeze(cut: number): Snapshot {
    const { attempt, index, job } = this.#context;
    if (this.#rows.length > 0) this.#pending.push({ cut, transaction: { name: `${job.id}-${attempt}-${index}-${this.#count++}`, rows: this.#rows } });
    this.#rows = [];
    const pending = this.#pending.map(({ transaction }) => transaction);
    return { parts: () => pending.map((transaction) => chunk(-1, transaction)) };
  }

  complete(cut: number): void {
    for (const each of this.#pending.filter((pending) => pending.cut <= cut)) this.#context.report('committed', each.transaction);
    this.#pending = this.#pending.filter((pending) => pending.cut > cut);
    this.#context.report('complete', cut);
  }

  abort(cut: number): void {
    this.#context.report('abort', cut);
  }
}
