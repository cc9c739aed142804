import type { Doorbell } from './channel.js';

/** The shared part of a doorbell: post it to the threads that ring. */
export type DoorbellMemory = SharedArrayBuffer;

const epochCell = 0;
const armedCell = 1;
const disarmed = 0;
const looking = 1;
const asleep = 2;
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
 * armed   0 disarmed ──(owner reads the epoch)──► 1 looking ──(owner goes to sleep)──► 2 asleep
 *              ▲────────────────── ring: counts ──────────────────┴── counts and wakes ──────┘
 * ```
 * The first ring after the owner has read `epoch` disarms the bell; further rings are one atomic load until it is armed
 * again. Nothing is lost: who rings has published before, so an owner who finds the bell disarmed when going to sleep
 * looks again, and one who armed it afterwards sees what was published.
 */
class SharedDoorbell implements BlockingDoorbell {
  readonly #cells: Int32Array;

  constructor(readonly memory: DoorbellMemory) {
    this.#cells = new Int32Array(memory);
  }

  get epoch(): number {
    // Asleep stays asleep: another wait on this thread may be pending.
    Atomics.compareExchange(this.#cells, armedCell, disarmed, looking);
    return Atomics.load(this.#cells, epochCell);
  }

  ring(): void {
    if (Atomics.load(this.#cells, armedCell) === disarmed) return;
    const was = Atomics.exchange(this.#cells, armedCell, disarmed);
    if (was === disarmed) return;
    Atomics.add(this.#cells, epochCell, 1);
    if (was === asleep) Atomics.notify(this.#cells, epochCell);
  }

  async wait(seen: number, timeoutMs: number): Promise<void> {
    if (!this.#fallAsleep()) return;
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
    if (!this.#fallAsleep()) return;
    Atomics.wait(this.#cells, epochCell, seen, timeoutMs);
  }

  /** @returns false where the bell has rung since it was armed */
  #fallAsleep(): boolean {
    return Atomics.compareExchange(this.#cells, armedCell, looking, asleep) !== disarmed;
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
