import type { Doorbell } from './channel.js';

/** The shared part of a doorbell: post it to the threads that ring. */
export type DoorbellMemory = SharedArrayBuffer;

const epochCell = 0;
const armedCell = 1;
/** Some 5 us. */
const looksBeforeSleep = 2000;
const longestTimerMs = 2_147_483_647;

/** A doorbell that can also block its thread. */
export interface BlockingDoorbell extends Doorbell {
  readonly memory: DoorbellMemory;
  /** Blocks the thread, timers and all, until the epoch has moved on from `seen`, or for `timeoutMs`. For threads that have nothing else to do. */
  waitSync(seen: number, timeoutMs: number): void;
}

/**
 * Two int32 cells:
 *
 * ```
 * epoch   rings so far, modulo 2^32
 * armed   1: the owner has looked at the epoch and may go to sleep on it
 * ```
 * Reading `epoch` arms the bell; the first ring afterwards disarms it, counts and wakes; further rings are one atomic
 * load until it is armed again. Nothing is lost: a producer that still sees it disarmed has published before the owner,
 * who armed it before looking, looks.
 */
class SharedDoorbell implements BlockingDoorbell {
  readonly #cells: Int32Array;

  constructor(readonly memory: DoorbellMemory) {
    this.#cells = new Int32Array(memory);
  }

  get epoch(): number {
    Atomics.store(this.#cells, armedCell, 1);
    return Atomics.load(this.#cells, epochCell);
  }

  ring(): void {
    if (Atomics.load(this.#cells, armedCell) === 0) return;
    if (Atomics.exchange(this.#cells, armedCell, 0) === 0) return;
    Atomics.add(this.#cells, epochCell, 1);
    Atomics.notify(this.#cells, epochCell);
  }

  async wait(seen: number, timeoutMs: number): Promise<void> {
    const waiting = waitAsync(this.#cells, epochCell, seen);
    if (!waiting.async) return;
    // A pending waitAsync does not keep the event loop alive; this timer does. It ends the wait by waking it, so that no
    // waiter is left behind.
    const timer = setTimeout(() => Atomics.notify(this.#cells, epochCell), Math.min(Math.max(timeoutMs, 0), longestTimerMs));
    await waiting.value;
    clearTimeout(timer);
  }

  waitSync(seen: number, timeoutMs: number): void {
    // A peer in full flow rings again within microseconds: cheaper to look for that long than to sleep and be woken.
    for (let look = 0; look < looksBeforeSleep; look++) if (Atomics.load(this.#cells, epochCell) !== seen) return;
    Atomics.wait(this.#cells, epochCell, seen, timeoutMs);
  }
}

type WaitAsync = (cells: Int32Array, index: number, value: number) => { readonly async: false } | { readonly async: true; readonly value: Promise<string> };
// Node.js 20 has it; the ES2023 library of the compiler does not.
const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync };

export function createDoorbell(): BlockingDoorbell {
  return new SharedDoorbell(new SharedArrayBuffer(8));
}

export function attachDoorbell(memory: DoorbellMemory): BlockingDoorbell {
  return new SharedDoorbell(memory);
}
