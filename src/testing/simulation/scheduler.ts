import type { CancelTimer, Clock } from '../../core/clock.js';

interface Event {
  readonly at: number;
  readonly order: number;
  action: (() => void) | undefined;
}

/**
 * Time and order of everything in a simulation: a clock whose hands move only from event to event.
 *
 * After each event all promise callbacks run before the next one, so code with `await` is as deterministic as code
 * without.
 */
export class Scheduler implements Clock {
  readonly #heap: Event[] = [];
  /** Called before each message is delivered, with the number of those before it. */
  onMessage: ((before: number) => void) | undefined;
  #messages = 0;
  #now = 0;
  #order = 0;

  /** Messages that came to their time so far. */
  get messages(): number {
    return this.#messages;
  }

  /** To be called by streams before they deliver. */
  message(): void {
    const before = this.#messages++;
    this.onMessage?.(before);
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): CancelTimer {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: this.#order++, action };
    this.#push(event);
    return () => {
      event.action = undefined;
    };
  }

  /** Runs events until `isDone` or `limitMs` of simulated time, or nothing is left. @returns whether it is done */
  async run(isDone: () => boolean, limitMs: number): Promise<boolean> {
    for (let event = this.#pop(); event !== undefined && event.at <= limitMs; event = this.#pop()) {
      if (event.action === undefined) continue;
      this.#now = event.at;
      event.action();
      await new Promise(setImmediate);
      if (isDone()) return true;
    }
    return isDone();
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
