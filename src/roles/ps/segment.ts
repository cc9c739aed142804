import type { SegmentSpec } from '../../ml-framework/parameters/segment.js';
import type { Optimizer } from './optimizers/optimizer.js';

/** What a segment holds at one moment. The arrays are frozen: the segment copies before it next writes. */
export interface SegmentSnapshot {
  readonly spec: SegmentSpec;
  /** Updates applied. */
  readonly version: number;
  /** Examples learned, over all updates. */
  readonly examples: number;
  readonly value: Float32Array;
  readonly slots: readonly Float32Array[];
}

/** One segment with its optimizer slots; copy-on-write, so that a snapshot costs nothing while nobody pushes. */
export class Segment {
  readonly spec: SegmentSpec;
  #version: number;
  #examples: number;
  #value: Float32Array;
  #slots: readonly Float32Array[];
  #isShared = false;

  constructor(snapshot: SegmentSnapshot) {
    this.spec = snapshot.spec;
    this.#version = snapshot.version;
    this.#examples = snapshot.examples;
    this.#value = snapshot.value;
    this.#slots = snapshot.slots;
  }

  static initial(spec: SegmentSpec, data: Float32Array, optimizer: Optimizer): Segment {
    const slots = spec.trainable ? optimizer.slots.map((value) => new Float32Array(spec.length).fill(value)) : [];
    return new Segment({ spec, version: 0, examples: 0, value: data.slice(), slots });
  }

  /** Updates applied so far. */
  get version(): number {
    return this.#version;
  }

  get examples(): number {
    return this.#examples;
  }

  /** A copy of the values. */
  copy(): Float32Array {
    return this.#value.slice();
  }

  apply(optimizer: Optimizer, gradient: Float32Array, examples: number): void {
    if (this.#isShared) {
      this.#value = this.#value.slice();
      this.#slots = this.#slots.map((slot) => slot.slice());
      this.#isShared = false;
    }
    this.#version++;
    this.#examples += examples;
    // What is not trainable, such as a moving average, comes as its new value.
    if (this.spec.trainable) optimizer.apply(this.#value, gradient, this.#slots, this.#version);
    else this.#value.set(gradient);
  }

  snapshot(): SegmentSnapshot {
    this.#isShared = true;
    return { spec: this.spec, version: this.#version, examples: this.#examples, value: this.#value, slots: this.#slots };
  }
}
