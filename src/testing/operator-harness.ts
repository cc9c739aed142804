import { MillraceError } from '../core/errors.js';
import { BatchBuilder, type RecordBatch } from '../memory/index.js';
import type { Schema } from '../memory/schema.js';
import { DataStream } from '../stream/data-stream.js';
import { GraphBuilder } from '../stream/graph-builder.js';
import type { LogicalGraph } from '../stream/graph.js';
import type { StateChunk } from '../stream/subtask.js';
import { HarnessOperator, type Delivery } from './harness-operator.js';
import { ManualClock } from './manual-clock.js';

export interface HarnessOptions<R, O> {
  /** Schema of the input; undefined: schemaless rows. */
  readonly schema?: Schema;
  /** The operators under test: any chain or tree of them over the inputs, as in a job. Sources are not run. */
  build(input: DataStream<R>, ...more: DataStream<R>[]): DataStream<O>;
  /** Inputs given to `build`. Default 1. */
  readonly inputs?: number;
  /** Subtasks of each operator and of each input. Default 1. */
  readonly parallelism?: number;
  /** Default 128. */
  readonly keyGroups?: number;
  /** Default: a new one that shows 0. */
  readonly clock?: ManualClock;
  /** State to start from. */
  readonly restored?: HarnessSnapshot;
}

/** State chunks by operator uid. */
export type HarnessSnapshot = ReadonlyMap<string, readonly StateChunk[]>;

/** A row that came out, with its event time. */
export interface HarnessRecord<O = Record<string, unknown>> {
  readonly row: O;
  /** ms; undefined where the row has none. */
  readonly time: number | undefined;
}

const inputKind = 'harness-input';

/**
 * Runs operators without an engine, in the calling thread, step by step: after each call everything that could happen has
 * happened. For tests of operators and of one's own subtasks.
 *
 * ```ts
 * const harness = await OperatorHarness.open({ schema, build: (input) => input.keyBy('k').process(counts) });
 * await harness.push([{ k: 'a' }], [1000]);
 * await harness.watermark(2000);
 * assert.deepEqual(harness.rows(), [{ k: 'a', n: 1 }]);
 * ```
 */
export class OperatorHarness<R = Record<string, unknown>, O = Record<string, unknown>> {
  readonly clock: ManualClock;
  readonly #options: HarnessOptions<R, O>;
  readonly #operators = new Map<number, HarnessOperator>();
  readonly #inputNodes: number[];
  readonly #result: DataStream<O>;
  readonly #graph: LogicalGraph;
  readonly #queue: Delivery[] = [];
  readonly #emitted = new Map<string, RecordBatch[]>();
  readonly #watermarks: number[] = [];
  #nextSubtask = 0;
  #cut = 0;

  private constructor(options: HarnessOptions<R, O>) {
    const builder = new GraphBuilder();
    const scope = { builder, jobName: 'harness' };
    const { schema, inputs = 1 } = options;
    this.#options = options;
    this.clock = options.clock ?? new ManualClock();
    this.#inputNodes = Array.from({ length: inputs }, (_, i) => builder.add({ kind: inputKind, name: `input ${i}`, schema, create: notRun }, []));
    const [first, ...more] = this.#inputNodes.map((node) => new DataStream<R>(scope, node, undefined, schema));
    this.#result = options.build(first as DataStream<R>, ...more);
    this.#graph = builder.build();
    const { problems } = this.#graph;
    if (problems.length > 0) {
      throw new MillraceError('GRAPH_INVALID', problems.map(({ operator, message }) => `${operator ?? 'graph'}: ${message}`).join('; '), {
        details: { problems },
      });
    }
  }

  static async open<R = Record<string, unknown>, O = Record<string, unknown>>(options: HarnessOptions<R, O>): Promise<OperatorHarness<R, O>> {
    const harness = new OperatorHarness<R, O>(options);
    await harness.#open();
    return harness;
  }

  /** Hands rows to the operators. @param times event time of each row, ms */
  async push(rows: readonly R[], times?: readonly number[], input = 0): Promise<void> {
    const builder = new BatchBuilder<unknown>(this.#options.schema, rows.length);
    rows.forEach((row, i) => {
      builder.append(row, times?.[i]);
    });
    await this.pushBatch(builder.finish() as RecordBatch, input);
  }

  /** Hands a batch to the operators, from the subtasks of the input in turn. */
  async pushBatch(batch: RecordBatch, input = 0): Promise<void> {
    this.#emit(this.#inputNode(input), this.#nextSubtask++ % this.#parallelism, undefined, batch);
    await this.#drain();
  }

  /** Raises the watermark of all inputs, or of one. */
  async watermark(watermark: number, input?: number): Promise<void> {
    const nodes = input === undefined ? this.#inputNodes : [this.#inputNode(input)];
    for (const node of nodes) this.#signalFromInput(node, { kind: 'watermark', watermark });
    await this.#drain();
  }

  /** Says that an input has no data for now, or has again. */
  async idle(isIdle: boolean, input = 0): Promise<void> {
    this.#signalFromInput(this.#inputNode(input), { kind: 'idle', isIdle });
    await this.#drain();
  }

  /** Moves the clock on, running processing-time timers in order. */
  async advanceClock(ms: number): Promise<void> {
    const target = this.clock.now() + ms;
    for (;;) {
      const timers = [...this.#operators.values()].map((operator) => operator.nextTimer);
      const next = Math.min(...timers);
      if (next > target) break;
      this.clock.advanceTo(Math.max(next, this.clock.now()));
      for (const operator of this.#operators.values()) await operator.fireTimers(this.clock.now());
      await this.#drain();
    }
    this.clock.advanceTo(target);
  }

  /** The inputs end: watermark Infinity, then the end. */
  async end(): Promise<void> {
    await this.watermark(Infinity);
    for (const node of this.#inputNodes) this.#signalFromInput(node, { kind: 'end' });
    await this.#drain();
  }

  /** What came out so far, of the result or of one of its side outputs. */
  records<U = O>(tag?: string): HarnessRecord<U>[] {
    const batches = this.#emitted.get(outputKey(this.#result.node, tag ?? this.#result.tag)) ?? [];
    return batches.flatMap((batch) => batch.rows().map((row, i) => ({ row: row as U, time: batch.times?.[i] })));
  }

  rows<U = O>(tag?: string): U[] {
    return this.records<U>(tag).map(({ row }) => row);
  }

  /** Watermarks that left the last operator, in order, as far as all its subtasks had reached them. */
  get watermarks(): readonly number[] {
    return this.#watermarks;
  }

  /** Takes a cut: state of all operators. @param complete whether it is then reported as complete */
  async snapshot(complete = true): Promise<HarnessSnapshot> {
    const cut = ++this.#cut;
    const chunks = new Map<string, readonly StateChunk[]>();
    for (const operator of this.#operators.values()) {
      await operator.prepareSnapshot(cut);
      await this.#drain();
      chunks.set(operator.node.uid, await operator.freeze(cut));
    }
    for (const operator of this.#operators.values()) await (complete ? operator.complete(cut) : operator.abort(cut));
    await this.#drain();
    return chunks;
  }

  /** Takes a cut, closes this harness and opens another from it, which keeps the clock and starts with what came out so far. */
  async restart(parallelism = this.#parallelism): Promise<OperatorHarness<R, O>> {
    const restored = await this.snapshot();
    await this.close();
    const next = await OperatorHarness.open<R, O>({ ...this.#options, parallelism, clock: this.clock, restored });
    for (const [key, batches] of this.#emitted) next.#emitted.set(key, [...batches, ...(next.#emitted.get(key) ?? [])]);
    return next;
  }

  async close(drained = false): Promise<void> {
    for (const operator of this.#operators.values()) await operator.close(drained);
  }

  get #parallelism(): number {
    return this.#options.parallelism ?? 1;
  }

  async #open(): Promise<void> {
    const { keyGroups = 128, restored } = this.#options;
    for (const node of this.#graph.nodes) {
      if (node.kind === inputKind) continue;
      const parallelism = Math.min(node.parallelism ?? this.#parallelism, node.maxParallelism ?? Infinity);
      const operator = new HarnessOperator({
        node,
        parallelism,
        keyGroups,
        clock: this.clock,
        inEdges: this.#graph.edges
          .filter(({ to }) => to === node.id)
          .map((edge) => ({ edge, upstream: this.#operators.get(edge.from)?.parallelism ?? this.#parallelism })),
        emit: (index, tag, batch) => this.#emit(node.id, index, tag, batch),
        signal: (index, signal) => this.#signal(node.id, index, signal),
        parallelismOf: (uid) => this.#parallelismOf(uid),
      });
      this.#operators.set(node.id, operator);
    }
    // Downstream first: an operator may emit while it opens.
    for (const operator of [...this.#operators.values()].reverse()) await operator.open(restored?.get(operator.node.uid), restored !== undefined);
    await this.#drain();
  }

  #parallelismOf(uid: string): number {
    for (const operator of this.#operators.values()) if (operator.node.uid === uid) return operator.parallelism;
    throw new MillraceError('INTERNAL', `no operator ${uid} in this harness`);
  }

  #inputNode(input: number): number {
    const node = this.#inputNodes[input];
    if (node === undefined) throw new MillraceError('OPTION_INVALID', `the harness has inputs 0 to ${this.#inputNodes.length - 1}, not ${input}`);
    return node;
  }

  #signalFromInput(node: number, signal: Signal): void {
    for (let index = 0; index < this.#parallelism; index++) this.#signal(node, index, signal);
  }

  #emit(from: number, index: number, tag: string | undefined, batch: RecordBatch): void {
    const key = outputKey(from, tag);
    const held = this.#emitted.get(key);
    if (held === undefined) this.#emitted.set(key, [batch]);
    else held.push(batch);
    for (const edge of this.#graph.edges) {
      if (edge.from === from && edge.tag === tag) this.#operators.get(edge.to)?.route(edge, index, batch, this.#queue);
    }
  }

  #signal(from: number, index: number, signal: Signal): void {
    if (from === this.#result.node && index === 0 && signal.kind === 'watermark') this.#watermarks.push(signal.watermark);
    for (const edge of this.#graph.edges) if (edge.from === from) this.#operators.get(edge.to)?.routeSignal(edge, index, signal, this.#queue);
  }

  async #drain(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) await next();
  }
}

/** What travels beside batches. */
export type Signal =
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'idle'; readonly isIdle: boolean }
  | { readonly kind: 'pass'; readonly passes: number }
  | { readonly kind: 'end' };

function outputKey(node: number, tag: string | undefined): string {
  return `${node} ${tag ?? ''}`;
}

function notRun(): never {
  throw new MillraceError('INTERNAL', 'the input of a harness is not run');
}
