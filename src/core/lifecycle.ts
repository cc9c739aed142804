import { systemClock, type Clock } from './clock.js';
import { MillraceError } from './errors.js';

/** A promise with its handles outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

export interface DeadlineOptions {
  readonly ms: number;
  /** What is waited for; it opens the message of DEADLINE_EXCEEDED. */
  readonly what: string;
  readonly clock?: Clock;
}

/** Waits for `work`, at most `ms`. @throws DEADLINE_EXCEEDED */
export function withDeadline<T>(work: Promise<T>, { ms, what, clock = systemClock }: DeadlineOptions): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      reject(new MillraceError('DEADLINE_EXCEEDED', `${what}: no answer within ${ms} ms`, { details: { what, limitMs: ms } }));
    });
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (reason: unknown) => {
        cancel();
        reject(reason);
      },
    );
  });
}

/** Waits for `work`, or until `signal` aborts. @throws the signal's reason */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Things to release, last in first out; every release runs, the first failure is thrown at the end. */
export class ReleaseStack {
  readonly #releases: (() => void | Promise<void>)[] = [];

  defer(release: () => void | Promise<void>): void {
    this.#releases.push(release);
  }

  async release(): Promise<void> {
    let first: unknown;
    let failed = false;
    for (let next = this.#releases.pop(); next !== undefined; next = this.#releases.pop()) {
      try {
        await next();
      } catch (thrown) {
        if (!failed) first = thrown;
        failed = true;
      }
    }
    if (failed) throw first;
  }
}
