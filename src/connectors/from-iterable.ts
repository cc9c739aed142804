import { MillraceError } from '../core/errors.js';
import { makeRowBatch } from './gatherer.js';
import type { Infer, Schema } from '../memory/schema.js';
import type { SourceConnector, SourceRuntimeOptions } from '../stream/connector.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../stream/subtask.js';
import { decodeChunk, encodeChunk } from './state-chunk.js';

/** Rows from `start` on (0-based): a restore and each further pass ask again. `signal` aborts when the job ends. */
export type RowsFrom<R> = (start: number, signal: AbortSignal) => AsyncIterable<R>;

/**
 * A source over any async iterable: a generator function, a socket, an event stream. Read by one subtask.
 *
 * Exactly once holds as far as `rows(start)` gives the same rows again from any start on.
 */
export function fromIterable<const S extends Schema>(rows: RowsFrom<Infer<S>>, schema: S, options?: FromIterableOptions): SourceConnector<Infer<S>>;
export function fromIterable<R>(rows: RowsFrom<R>, schema?: undefined, options?: FromIterableOptions): SourceConnector<R>;
export function fromIterable(rows: RowsFrom<unknown>, schema?: Schema, { bounded = true }: FromIterableOptions = {}): SourceConnector<unknown> {
  return {
    name: 'iterable',
    schema,
    boundedness: bounded ? 'bounded' : 'unbounded',
    maxParallelism: 1,
    notes: [],
    create: (options) => new IterableSource(rows, schema, options),
  };
}

export interface FromIterableOptions {
  /** The iterable ends by itself. Default true. */
  readonly bounded?: boolean;
}

interface Position {
  readonly pass: number;
  readonly next: number;
}

const stateVersion = 1;
const idleMs = 1000;

class IterableSource implements SourceSubtask {
  readonly #rows: RowsFrom<unknown>;
  readonly #schema: Schema | undefined;
  readonly #options: SourceRuntimeOptions;
  readonly #stopped = new AbortController();
  #context!: SubtaskContext;
  /** undefined in a subtask beside the one that reads. */
  #position: Position | undefined = { pass: 0, next: 0 };
  #announced = 0;
  #iterator: AsyncIterator<unknown> | undefined;
  /** Rows pulled and not yet emitted. */
  #pulled: unknown[] = [];
  #ended = false;
  #pulling = false;
  #failure: unknown;
  #draining = false;

  constructor(rows: RowsFrom<unknown>, schema: Schema | undefined, options: SourceRuntimeOptions) {
    this.#rows = rows;
    this.#schema = schema;
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    const chunk = restored[0];
    if (chunk !== undefined) this.#position = decodeChunk(stateVersion, chunk, context.operator.name) as Position;
    else if (context.isRestored || context.index > 0) this.#position = undefined;
  }

  read(): ReadResult {
    const position = this.#position;
    if (position === undefined) return { next: 'end' };
    this.#announce(position.pass);
    if (this.#failure !== undefined) throw this.#failure as Error;
    if (this.#draining || position.pass >= this.#options.passes) return { next: 'end' };
    if (this.#pulled.length > 0) this.#emit(position);
    if (this.#ended && this.#pulled.length === 0) {
      this.#position = { pass: position.pass + 1, next: 0 };
      this.#iterator = undefined;
      this.#ended = false;
      return { next: 'more' };
    }
    void this.#pull(position.next);
    return { next: 'wait', afterMs: idleMs };
  }

  drain(): void {
    this.#draining = true;
    this.#stopped.abort();
    this.#context.wake();
  }

  freeze(): Snapshot {
    const position = this.#position;
    return { parts: () => (position === undefined ? [] : [encodeChunk(stateVersion, position)]) };
  }

  close(): void {
    this.#stopped.abort();
    // Not awaited: an iterator that waits for an event may never answer.
    void Promise.resolve(this.#iterator?.return?.()).catch(() => undefined);
  }

  #emit(position: Position): void {
    const rows = this.#pulled.splice(0, this.#options.batchRows);
    this.#context.output().emit(makeRowBatch(this.#schema, rows));
    this.#position = { ...position, next: position.next + rows.length };
  }

  /** Pulls rows in the background until a batch is full, and wakes the source whenever the iterator pauses. */
  async #pull(start: number): Promise<void> {
    if (this.#pulling) return;
    this.#pulling = true;
    try {
      const iterator = (this.#iterator ??= this.#rows(start, this.#stopped.signal)[Symbol.asyncIterator]());
      while (!this.#ended && this.#pulled.length < this.#options.batchRows && !this.#stopped.signal.aborted) {
        const result = await iterator.next();
        if (result.done === true) this.#ended = true;
        else if (this.#pulled.push(result.value) === 1) this.#context.wake();
      }
    } catch (thrown) {
      if (!this.#stopped.signal.aborted) this.#failure = MillraceError.from(thrown, 'USER_FUNCTION', `${this.#context.operator.name}: the iterable threw`);
    } finally {
      this.#pulling = false;
      this.#context.wake();
    }
  }

  #announce(passes: number): void {
    if (passes <= this.#announced) return;
    this.#announced = passes;
    this.#context.output().endOfPass(this.#announced);
  }
}
