import type { Gauge } from '../../core/metrics.js';
import type { NumberedReader } from '../../memory/channel.js';
import type { InputLane } from '../../stream/subtask.js';
import { HeldReader, type OutputMark } from './held-reader.js';

export interface HeldInputsOptions {
  /** Positions are numbers of frames, the same for a successor; possible with one channel only. */
  readonly isExact: boolean;
  readonly barrier: number;
  /** Lease epoch: positions that are not exact begin above those of every predecessor. */
  readonly epoch: number;
  readonly unacknowledged: Gauge;
}

/** All inputs of a subtask that may be replaced. */
export class HeldInputs implements InputLane {
  readonly isExact: boolean;
  readonly barrier: number;
  readonly #readers: HeldReader[] = [];
  readonly #unacknowledged: Gauge;
  #position: number;
  #firstPosition: number;

  constructor({ isExact, barrier, epoch, unacknowledged }: HeldInputsOptions) {
    this.isExact = isExact;
    this.barrier = barrier;
    this.#unacknowledged = unacknowledged;
    this.#firstPosition = isExact ? 0 : epoch * 2 ** 32;
    this.#position = this.#firstPosition;
  }

  get position(): number {
    return this.#position;
  }

  get firstPosition(): number {
    return this.#firstPosition;
  }

  add(reader: NumberedReader): HeldReader {
    const held = new HeldReader(reader, (sequence) => this.#next(sequence));
    this.#readers.push(held);
    return held;
  }

  /** To be called once the outputs are there. */
  guard(mark: OutputMark): void {
    for (const reader of this.#readers) reader.guard(mark);
  }

  acknowledge(position: number): void {
    for (const reader of this.#readers) reader.acknowledge(position);
    this.#count();
  }

  #next(sequence: number): number {
    this.#position = this.isExact ? sequence + 1 : this.#position + 1;
    this.#count();
    return this.#position;
  }

  #count(): void {
    this.#unacknowledged.set(this.#readers.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0));
  }
}
