import { FrameMemory } from './wire.js';

const smallest = 1024;
const largest = 4 * 1024 * 1024;
/**
 * Free memory of one size: as much as can be in use at a time, which credits and the room of the socket bound. What would not be
 * kept comes back to the garbage collector, and each megabyte of it brings the next collection of the whole heap closer.
 */
const keptBytes = 2 * 1024 * 1024;
const leastKept = 8;

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
    if (free.length < leastKept || free.length * memory.capacity < keptBytes) free.push(memory);
    this.#free.set(memory.capacity, free);
  }
}
