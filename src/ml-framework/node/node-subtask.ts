import { MillraceError, isMillraceError, unlessAborted, withDeadline } from '../../core/index.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { toBatch, type OutputSchemas } from './emit.js';
import type { NodeEntry } from './node-context.js';
import { NodeInput } from './node-input.js';
import type { NodeRunner } from './node-runner.js';
import { nodeSnapshot } from './node-snapshot.js';
import type { NodeHost } from './role-service.js';
import type { HostOf } from './service-subtask.js';

export interface NodeSubtaskOptions {
  readonly hostOf: HostOf;
  readonly entry: NodeEntry;
  readonly outputs: OutputSchemas;
  /** The entry says itself which batches are done; else one is when the next is asked for. */
  readonly acknowledges: boolean;
}

/** A node with input: one batch at a time, barriers between batches. */
export class NodeSubtask implements Subtask {
  readonly #input = new NodeInput();
  #host!: NodeHost;
  #runner: NodeRunner | undefined;

  constructor(private readonly options: NodeSubtaskOptions) {}

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    const { NodeRunner } = await import('./node-runner.js');
    const { hostOf, entry, outputs } = this.options;
    this.#host = hostOf(context);
    const emit = async (rows: RecordBatch | readonly object[], tag?: string): Promise<void> => {
      const output = context.output(tag);
      output.emit(toBatch(rows, outputs, tag));
      // A successor must not find the batch half emitted and already acknowledged.
      const room = context.lane === undefined ? undefined : output.ready();
      if (room !== undefined) await unlessAborted(room, context.signal);
    };
    const runner = new NodeRunner(
      this.#host,
      { entry, input: this.#input, emit },
      restored.map(({ bytes }) => bytes),
    );
    this.#runner = runner;
    // Also when the node is told to stop: the engine closes it only when its pending call has ended.
    runner.finishing.addEventListener('abort', () => this.#input.end(), { once: true });
    // Once the entry has returned, or failed, nobody asks for another batch.
    runner.start(() => this.#input.end());
  }

  async process(batch: RecordBatch): Promise<void> {
    const { length } = batch;
    const position = this.#host.lane?.position;
    await this.#untilEntry(this.#input.offer(batch));
    this.#runner?.consumed(length);
    if (position !== undefined && !this.options.acknowledges) this.#host.lane?.acknowledge(position);
  }

  async #untilEntry(asks: Promise<void>): Promise<void> {
    const { cluster, clock, role, index } = this.#host;
    // The first batch may wait for the cluster to form.
    const limitMs = cluster.registrationDeadlineMs + cluster.entryDeadlineMs;
    try {
      await withDeadline(asks, { ms: limitMs, what: `${role} ${index} of cluster ${cluster.name}: its entry never asked for its next batch`, clock });
    } catch (thrown) {
      if (isMillraceError(thrown) && thrown.code === 'DEADLINE_EXCEEDED') throw new MillraceError('NODE_ENTRY', thrown.message, { cause: thrown });
      throw thrown;
    }
  }

  async prepareSnapshot(cut: number): Promise<void> {
    await this.#untilEntry(this.#input.asked());
    await this.#runner?.prepareSnapshot(cut);
  }

  async endOfInput(): Promise<void> {
    this.#input.end();
    await this.#runner?.ended();
  }

  freeze(cut: number): Snapshot {
    return nodeSnapshot([...(this.#runner?.freeze(cut) ?? [])]);
  }

  complete(cut: number): void {
    this.#runner?.decide(cut);
  }

  abort(cut: number): void {
    this.#runner?.decide(cut);
  }

  async close(): Promise<void> {
    this.#input.end();
    await this.#runner?.close();
  }
}

/** How often a waiting source is asked anyway. */
const idleReadMs = 1_000;

/** A node without input: its entry runs beside the engine's loop and ends when it returns. */
export class NodeSource implements SourceSubtask {
  readonly #input = new NodeInput();
  #runner: NodeRunner | undefined;
  #hasEnded = false;

  constructor(private readonly options: NodeSubtaskOptions) {}

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    const { NodeRunner } = await import('./node-runner.js');
    const { hostOf, entry, outputs } = this.options;
    const emit = async (rows: RecordBatch | readonly object[], tag?: string): Promise<void> => {
      const output = context.output(tag);
      await output.ready();
      output.emit(toBatch(rows, outputs, tag));
      await output.ready();
    };
    this.#input.end();
    this.#runner = new NodeRunner(
      hostOf(context),
      { entry, input: this.#input, emit },
      restored.map(({ bytes }) => bytes),
    );
    this.#runner.start(() => {
      this.#hasEnded = true;
      context.wake();
    });
  }

  read(): ReadResult {
    return this.#hasEnded ? { next: 'end' } : { next: 'wait', afterMs: idleReadMs };
  }

  async prepareSnapshot(cut: number): Promise<void> {
    await this.#runner?.prepareSnapshot(cut);
  }

  freeze(cut: number): Snapshot {
    return nodeSnapshot([...(this.#runner?.freeze(cut) ?? [])]);
  }

  complete(cut: number): void {
    this.#runner?.decide(cut);
  }

  abort(cut: number): void {
    this.#runner?.decide(cut);
  }

  async close(): Promise<void> {
    await this.#runner?.close();
  }
}
