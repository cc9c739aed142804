import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

/** An ordered one-way stream with random delays. Cut, it loses what has not arrived yet. */
export class Pipe<T> {
  #arrivesAt = 0;
  #isCut = false;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly random: Random,
    private readonly maxDelayMs: number,
    private readonly deliver: (message: T) => void,
  ) {}

  send(message: T): void {
    if (this.#isCut) return;
    // Never before the message ahead of it.
    this.#arrivesAt = Math.max(this.#arrivesAt, this.scheduler.now() + this.random.next() * this.maxDelayMs);
    this.scheduler.after(this.#arrivesAt - this.scheduler.now(), () => {
      if (this.#isCut) return;
      // Whoever dies now takes the message along.
      this.scheduler.message();
      if (!this.#isCut) this.deliver(message);
    });
  }

  cut(): void {
    this.#isCut = true;
  }
}
