import type { SourceConnector } from '../../../src/stream/connector.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, SubtaskContext } from '../../../src/stream/subtask.js';

/** Channel on which each subtask reports, in each attempt, that it stands at the gate (or has ended before it). */
export const gateChannel = 'gate';

/** For an engine whose numbers of attempts are no count, as Flink's are. */
export const everyAttempt = Number.MAX_SAFE_INTEGER;

export interface GateOptions {
  /** Attempts that have a gate; later ones run through. */
  readonly attempts: number;
  /** Reads of an attempt before the gate. */
  readonly reads: number;
}

/** A source that stands still after a few reads, until it is restored or drained. */
export function gated<R>(source: SourceConnector<R>, gate: GateOptions): SourceConnector<R> {
  return { ...source, validate: () => source.validate?.() ?? [], create: (options) => new GatedSource(source.create(options), gate) };
}

class GatedSource implements SourceSubtask {
  readonly #source: SourceSubtask;
  readonly #gate: GateOptions;
  #context!: SubtaskContext;
  #reads = 0;
  #isOpen = false;
  #hasReported = false;

  constructor(source: SourceSubtask, gate: GateOptions) {
    this.#source = source;
    this.#gate = gate;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void | Promise<void> {
    this.#context = context;
    this.#isOpen = context.attempt >= this.#gate.attempts;
    return this.#source.open(context, restored);
  }

  async read(): Promise<ReadResult> {
    if (!this.#isOpen && this.#reads >= this.#gate.reads) {
      this.#report();
      return { next: 'wait', afterMs: 60_000 };
    }
    this.#reads++;
    const result = await this.#source.read();
    if (result.next === 'end') this.#report();
    return result;
  }

  drain(): void {
    this.#isOpen = true;
    this.#source.drain?.();
  }

  prepareSnapshot(cut: number): void | Promise<void> {
    return this.#source.prepareSnapshot?.(cut);
  }

  freeze(cut: number): Snapshot {
    return this.#source.freeze?.(cut) ?? { parts: () => [] };
  }

  complete(cut: number): void | Promise<void> {
    return this.#source.complete?.(cut);
  }

  abort(cut: number): void | Promise<void> {
    return this.#source.abort?.(cut);
  }

  close(drained: boolean): void | Promise<void> {
    return this.#source.close?.(drained);
  }

  #report(): void {
    if (this.#hasReported) return;
    this.#hasReported = true;
    this.#context.report(gateChannel, this.#context.index);
  }
}
