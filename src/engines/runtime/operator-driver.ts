import { MillraceError } from '../../core/errors.js';
import type { MetricGroup } from '../../core/metrics.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { OperatorNode } from '../../stream/graph.js';
import { finalCut, type ReadResult, type Snapshot, type SourceSubtask, type StateChunk, type Subtask, type SubtaskContext } from '../../stream/subtask.js';
import type { Chain } from './chain.js';
import type { OperatorOutputs } from './operator-output.js';

/** What an operator is given, in order. Batches, marks and barriers share one queue, so that none can overtake. */
export type Item =
  | { readonly kind: 'batch'; readonly batch: RecordBatch; readonly input: number }
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'idle'; readonly idle: boolean }
  | { readonly kind: 'endOfPass'; readonly passes: number }
  | { readonly kind: 'endOfInput'; readonly input: number; readonly last: boolean }
  | { readonly kind: 'barrier'; readonly cut: number; readonly stop: boolean }
  | { readonly kind: 'timer'; readonly timeMs: number }
  | { readonly kind: 'read' }
  /** A head that makes records has no more. */
  | { readonly kind: 'end' };

type Decision = { readonly kind: 'complete'; readonly cut: number; readonly done: () => void } | { readonly kind: 'abort'; readonly cut: number };

/** A Subtask or a SourceSubtask, seen as what both may have. */
type AnySubtask = Partial<Omit<Subtask, 'open'> & Omit<SourceSubtask, 'open'>> & Pick<Subtask, 'open'>;

/**
 * Drives one operator of a chain: calls never overlap, and while nothing returns a promise everything is plain calls
 * from head to tail.
 *
 * ```
 * receive(item) ── idle ──► handle ──► void: next item │ promise: busy, items queue up until it settles
 *               └─ busy or halted ──► queue           barrier with stop: halted until the cut is aborted
 * ```
 */
export class OperatorDriver {
  readonly outputs: OperatorOutputs;
  /** Wall-clock ms at which the operator wants onProcessingTime; Infinity for never. */
  timerAt = Infinity;
  readonly #subtask: AnySubtask;
  readonly #chain: Chain;
  readonly #queue: Item[] = [];
  readonly #decisions: Decision[] = [];
  readonly #recordsIn;
  readonly #batchesIn;
  readonly #barrierSeconds;
  #isOpen = false;
  #mustDrain = false;
  #busy = false;
  #halted = false;

  constructor(
    readonly node: OperatorNode,
    chain: Chain,
    outputs: OperatorOutputs,
    metrics: MetricGroup,
  ) {
    this.#chain = chain;
    this.outputs = outputs;
    this.#recordsIn = metrics.counter('records_in_total', 'Records that the operator received.');
    this.#batchesIn = metrics.counter('batches_in_total', 'Record batches that the operator received.');
    this.#barrierSeconds = metrics.gauge('barrier_seconds', 'Time for which the newest barrier held the operator: preparing for it and freezing.');
    this.#subtask = node.create();
  }

  get makesRecords(): boolean {
    return this.#subtask.read !== undefined;
  }

  /** True where a batch given now would wait. */
  get occupied(): boolean {
    return this.#busy || this.#halted || this.#queue.length > 0;
  }

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    await this.#subtask.open(context, restored);
    this.#isOpen = true;
    if (this.#mustDrain) this.#subtask.drain?.();
  }

  receive(item: Item): void {
    if (this.#busy || this.#halted || this.#queue.length > 0) this.#queue.push(item);
    else this.#run(item);
  }

  /** The fate of a cut; goes before queued items and reaches a halted operator too. */
  decide(decision: Decision): void {
    if (this.#busy) this.#decisions.push(decision);
    else this.#run(decision);
  }

  /** After an aborted stopping cut: goes on with what has queued up. */
  resume(): void {
    this.#halted = false;
    this.#drain();
  }

  /** Asks a source to end soon; comes between or during reads. @returns false where it cannot */
  drain(): boolean {
    if (this.#subtask.drain === undefined) return false;
    // A job may be stopped while some of its sources still open.
    if (this.#isOpen) this.#subtask.drain();
    else this.#mustDrain = true;
    return true;
  }

  async close(drained: boolean): Promise<void> {
    await this.#subtask.close?.(drained);
  }

  #run(item: Item | Decision): void {
    if (this.#chain.failed) return;
    let pending: void | Promise<void>;
    try {
      pending = this.#handle(item);
    } catch (thrown) {
      this.#chain.fail(thrown, this.node);
      return;
    }
    if (pending === undefined) return;
    this.#busy = true;
    this.#chain.began();
    pending.then(
      () => {
        this.#busy = false;
        this.#drain();
        this.#chain.settled();
      },
      (thrown: unknown) => {
        this.#busy = false;
        this.#chain.fail(thrown, this.node);
        this.#chain.settled();
      },
    );
  }

  #drain(): void {
    while (!this.#busy && this.#decisions.length > 0) this.#run(this.#decisions.shift() as Decision);
    while (!this.#busy && !this.#halted && this.#queue.length > 0) this.#run(this.#queue.shift() as Item);
  }

  #handle(item: Item | Decision): void | Promise<void> {
    const subtask = this.#subtask;
    switch (item.kind) {
      case 'batch':
        this.#recordsIn.add(item.batch.length);
        this.#batchesIn.add(1);
        if (subtask.process === undefined) throw new MillraceError('INTERNAL', 'got records but has no process(); a source has no data input');
        return subtask.process(item.batch, item.input);
      case 'read':
        return after((subtask.read as () => ReadResult | Promise<ReadResult>).call(subtask), (result) => {
          this.#chain.readResult = result;
        });
      case 'watermark':
        return after(subtask.advance?.(item.watermark), () => {
          // A head that reads is a source: the time of its control inputs is not the time of its records.
          if (subtask.read !== undefined) return;
          if (subtask.makesWatermarks !== true || item.watermark === Infinity) this.outputs.watermark(item.watermark);
        });
      case 'idle':
        return after(subtask.idle?.(item.idle), () => {
          this.outputs.idle(item.idle);
        });
      case 'endOfPass':
        return after(subtask.endOfPass?.(item.passes), () => this.outputs.endOfPass(item.passes));
      case 'timer':
        return subtask.onProcessingTime?.(item.timeMs);
      case 'barrier':
        return this.#barrier(item.cut, item.stop);
      case 'endOfInput':
        return after(subtask.endOfInput?.(item.input), () => (item.last ? this.#end() : undefined));
      case 'end':
        this.outputs.watermark(Infinity);
        return this.#end();
      case 'complete':
        return after(subtask.complete?.(item.cut), item.done);
      case 'abort':
        return after(subtask.abort?.(item.cut), () => this.#halted && this.resume());
    }
  }

  #barrier(cut: number, stop: boolean): void | Promise<void> {
    const startedMs = performance.now();
    const pass = (): void => {
      this.outputs.barrier(cut, stop);
      this.#halted = stop;
      this.#chain.frozen(cut, this.node, this.#freeze(cut));
      this.#barrierSeconds.set((performance.now() - startedMs) / 1000);
    };
    try {
      const prepared = this.#subtask.prepareSnapshot?.(cut);
      if (!isPromise(prepared)) return pass();
      // A cut that cannot be prepared is declined; the job goes on without it.
      return prepared.then(pass).catch((thrown: unknown) => this.#chain.decline(cut, thrown, this.node));
    } catch (thrown) {
      this.#chain.decline(cut, thrown, this.node);
    }
  }

  #end(): void | Promise<void> {
    return after(this.#subtask.prepareSnapshot?.(finalCut), () => {
      this.outputs.endOfInput();
      this.timerAt = Infinity;
      this.#chain.frozen(finalCut, this.node, this.#freeze(finalCut));
    });
  }

  #freeze(cut: number): Snapshot {
    return this.#subtask.freeze?.(cut) ?? { parts: () => [] };
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function';
}

/** `next` at once where `value` is no promise: the fast path stays free of microtasks. */
function after<T>(value: T | Promise<T>, next: (value: T) => unknown): void | Promise<void> {
  if (!isPromise(value)) {
    const more = next(value);
    return isPromise(more) ? (more as Promise<void>) : undefined;
  }
  return value.then(async (settled) => {
    await next(settled);
  });
}
