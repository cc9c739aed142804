import { MillraceError } from '../../../core/errors.js';
import { isPassing, innermost, kafkaError } from './protocol-error.js';

const firstPauseMs = 50;
const longestPauseMs = 1000;

/** How long a failing call is repeated before it counts as failed. */
export class Patience {
  readonly #what: string;
  readonly #limitMs: number;
  readonly #option: string;
  #pauseMs = firstPauseMs;
  #failingSince: number | undefined;

  /** @param option the one that sets the limit, for the message */
  constructor(what: string, limitMs: number, option = 'unreachableMs') {
    this.#what = what;
    this.#limitMs = limitMs;
    this.#option = option;
  }

  succeeded(): void {
    this.#failingSince = undefined;
    this.#pauseMs = firstPauseMs;
  }

  /**
   * Waits before the next attempt.
   *
   * @throws UNAVAILABLE where attempts have failed for longer than the limit; the error in our words where no repetition helps
   */
  async after(thrown: unknown): Promise<void> {
    if (!isPassing(thrown)) throw kafkaError(thrown, this.#what);
    this.#failingSince ??= Date.now();
    const failingMs = Date.now() - this.#failingSince;
    if (failingMs > this.#limitMs) {
      const error = innermost(thrown) as Error;
      throw new MillraceError(
        'UNAVAILABLE',
        `${this.#what}: failing for ${failingMs} ms, the limit is ${this.#limitMs} ms (${this.#option}): ${error.message}`,
        {
          cause: thrown,
          details: { limitMs: this.#limitMs },
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  /** Repeats `attempt` until it succeeds. */
  async run<T>(attempt: () => Promise<T>, repair?: (thrown: unknown) => Promise<void>): Promise<T> {
    for (;;) {
      try {
        const result = await attempt();
        this.succeeded();
        return result;
      } catch (thrown) {
        await this.after(thrown);
        await repair?.(thrown);
      }
    }
  }
}
