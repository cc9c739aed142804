import type { FrameKind } from '../../memory/frame.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Lane } from './lane.js';

/** One edge out of a subtask: decides which downstream subtask gets which rows. */
export abstract class ExchangeWriter {
  constructor(
    protected readonly lanes: readonly Lane[],
    /** Columns that cross; undefined: all. */
    readonly columns: readonly string[] | undefined,
  ) {}

  /** True where something waits for room: the subtask must not be called until it is gone. */
  get held(): boolean {
    for (const lane of this.lanes) if (lane.held) return true;
    return false;
  }

  emit(batch: RecordBatch): void {
    this.route(this.columns === undefined || batch.schema === undefined ? batch : batch.select(this.columns));
  }

  /** A control frame for every downstream subtask, behind all rows emitted so far. */
  control(kind: FrameKind, flags: number, number: number): void {
    this.gatherNoMore();
    for (const lane of this.lanes) lane.control(kind, flags, number);
  }

  /** Moves what was held. @returns true where something moved */
  flush(): boolean {
    let moved = false;
    for (const lane of this.lanes) if (lane.held && lane.flush()) moved = true;
    return moved;
  }

  /** Milliseconds (performance.now()) at which gathered rows must go; Infinity for none. */
  get flushAt(): number {
    return Infinity;
  }

  /** Writes rows gathered so far. */
  gatherNoMore(): void {}

  protected abstract route(batch: RecordBatch): void;
}

/** Everything to the one target. */
export class ForwardExchange extends ExchangeWriter {
  protected override route(batch: RecordBatch): void {
    (this.lanes[0] as Lane).data(batch);
  }
}

/** Batches in turn. Each producer starts at its own index, so that few batches spread too. */
export class RebalanceExchange extends ExchangeWriter {
  #next: number;

  constructor(lanes: readonly Lane[], columns: readonly string[] | undefined, producer: number) {
    super(lanes, columns);
    this.#next = producer % lanes.length;
  }

  protected override route(batch: RecordBatch): void {
    const lane = this.lanes[this.#next] as Lane;
    this.#next = this.#next + 1 === this.lanes.length ? 0 : this.#next + 1;
    lane.data(batch);
  }
}

export class BroadcastExchange extends ExchangeWriter {
  protected override route(batch: RecordBatch): void {
    for (const lane of this.lanes) lane.data(batch);
  }
}

/** Barriers, watermarks and the end; never records. */
export class ControlExchange extends ExchangeWriter {
  override emit(): void {}
  protected override route(): void {}
}

interface Gathered {
  readonly batches: RecordBatch[];
  rows: number;
}

/** How a hash exchange splits a batch: rows of each target, undefined for none. */
export type Partitioner = (batch: RecordBatch) => readonly (RecordBatch | undefined)[];

/**
 * Rows to the subtask that owns their key group. Small parts are gathered until `batchRows` or the flush interval, and
 * go before any control frame.
 */
export class HashExchange extends ExchangeWriter {
  readonly #partition: Partitioner;
  readonly #concat: (batches: readonly RecordBatch[]) => RecordBatch;
  readonly #batchRows: number;
  readonly #flushIntervalMs: number;
  readonly #gathered: Gathered[];
  #flushAt = Infinity;

  constructor(lanes: readonly Lane[], columns: readonly string[] | undefined, options: HashExchangeOptions) {
    super(lanes, columns);
    this.#partition = options.partition;
    this.#concat = options.concat;
    this.#batchRows = options.batchRows;
    this.#flushIntervalMs = options.flushIntervalMs;
    this.#gathered = lanes.map(() => ({ batches: [], rows: 0 }));
  }

  override get flushAt(): number {
    return this.#flushAt;
  }

  override emit(batch: RecordBatch): void {
    // The key may lie in a column that does not cross: it is computed from the whole batch.
    this.route(batch);
  }

  override gatherNoMore(): void {
    if (this.#flushAt === Infinity) return;
    for (let target = 0; target < this.#gathered.length; target++) this.#write(target);
    this.#flushAt = Infinity;
  }

  protected override route(batch: RecordBatch): void {
    const parts = this.#partition(batch);
    for (let target = 0; target < parts.length; target++) {
      const part = parts[target];
      if (part !== undefined && part.length > 0)
        this.#gather(target, this.columns === undefined || part.schema === undefined ? part : part.select(this.columns));
    }
  }

  #gather(target: number, part: RecordBatch): void {
    const gathered = this.#gathered[target] as Gathered;
    if (gathered.rows === 0 && part.length >= this.#batchRows) {
      (this.lanes[target] as Lane).data(part);
      return;
    }
    gathered.batches.push(part.retain());
    gathered.rows += part.length;
    if (gathered.rows >= this.#batchRows) this.#write(target);
    else if (this.#flushAt === Infinity) this.#flushAt = performance.now() + this.#flushIntervalMs;
  }

  #write(target: number): void {
    const gathered = this.#gathered[target] as Gathered;
    if (gathered.rows === 0) return;
    const { batches } = gathered;
    (this.lanes[target] as Lane).data(batches.length === 1 ? (batches[0] as RecordBatch) : this.#concat(batches));
    gathered.batches.length = 0;
    gathered.rows = 0;
  }
}

export interface HashExchangeOptions {
  readonly partition: Partitioner;
  readonly concat: (batches: readonly RecordBatch[]) => RecordBatch;
  readonly batchRows: number;
  readonly flushIntervalMs: number;
}
