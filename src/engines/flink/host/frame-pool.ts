import { FrameMemory } from './wire.js';

const smallest = 1024;
const largest = 4 * 1024 * 1024;
/** Of one size; what is in use at a time is bounded by credits and by the room of the socket. */
const keptPerSize = 8;

/** Memory of frames, used again: fresh memory for each would cost more than filling it. */
export class FramePool {
  readonly #free = new Map<number, FrameMemory[]>();

  take(payloadBytes: number): FrameMemory {
    if (payloadBytes > largest) return new FrameMemory(payloadBytes);
    const size = 2 ** Math.ceil(Math.log2(Math.max(payloadBytes, smallest)));
    return this.#free.get(size)?.pop() ?? new FrameMemory(size);
  }

  give(memory: FrameMemory): void {
    if (memory.capacity > largest) return;
    const free = this.#free.get(memory.capacity) ?? [];
    if (free.length < keptPerSize) free.push(memory);
    this.#free.set(memory.capacity, free);
  }
}
