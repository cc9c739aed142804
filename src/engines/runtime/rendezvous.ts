import { MillraceError } from '../../core/errors.js';
import type { Clock } from '../../core/clock.js';
import type { Rendezvous } from '../../stream/subtask.js';
import type { FromSubtask } from './protocol.js';

/** The board itself, in the main thread; one per attempt. */
export class RendezvousBoard {
  readonly #values = new Map<string, string>();
  readonly #waiting = new Map<string, ((value: string) => void)[]>();

  publish(key: string, value: string): void {
    this.#values.set(key, value);
    for (const answer of this.#waiting.get(key) ?? []) answer(value);
    this.#waiting.delete(key);
  }

  /** What was published under this key holds no more. */
  retract(key: string): void {
    this.#values.delete(key);
  }

  /** Answers now or when somebody publishes; deadlines are the asker's. */
  lookup(key: string, answer: (value: string) => void): void {
    const value = this.#values.get(key);
    if (value !== undefined) answer(value);
    else this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), answer]);
  }
}

/** A subtask's access to the board, by messages. */
export class RendezvousClient implements Rendezvous {
  readonly #post: (message: FromSubtask) => void;
  readonly #clock: Clock;
  readonly #requests = new Map<number, (value: string) => void>();
  #next = 0;

  constructor(post: (message: FromSubtask) => void, clock: Clock) {
    this.#post = post;
    this.#clock = clock;
  }

  publish(key: string, value: string): void {
    this.#post({ type: 'publish', key, value });
  }

  lookup(key: string, deadlineMs: number): Promise<string> {
    const request = this.#next++;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(deadlineMs, () => {
        this.#requests.delete(request);
        reject(
          new MillraceError('DEADLINE_EXCEEDED', `rendezvous: nobody published '${key}' within ${deadlineMs} ms`, { details: { key, limitMs: deadlineMs } }),
        );
      });
      this.#requests.set(request, (value) => {
        cancel();
        resolve(value);
      });
      this.#post({ type: 'lookup', request, key });
    });
  }

  found(request: number, value: string): void {
    this.#requests.get(request)?.(value);
    this.#requests.delete(request);
  }
}
