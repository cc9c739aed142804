import { deferred, type Deferred } from '../core/lifecycle.js';

type Entry = { readonly kind: 'run'; deliver: (() => void) | undefined } | { readonly kind: 'watermark'; readonly watermark: number };

/**
 * Runs in flight and the watermarks between them, in the order of the stream.
 *
 * ```
 *  [run] [run] [watermark] [run] ...      ordered:   only the head is delivered
 *   └───────────┘ a segment               unordered: any finished run of the first segment is
 * ```
 * A watermark leaves when everything before it has.
 */
export class RunQueue {
  readonly #entries: Entry[] = [];
  readonly #limit: number;
  readonly #ordered: boolean;
  readonly #emitWatermark: (watermark: number) => void;
  #running = 0;
  #failure: { readonly thrown: unknown } | undefined;
  #change: Deferred<void> = deferred();

  constructor({ limit, ordered, emitWatermark }: { limit: number; ordered: boolean; emitWatermark: (watermark: number) => void }) {
    this.#limit = limit;
    this.#ordered = ordered;
    this.#emitWatermark = emitWatermark;
  }

  /** Starts a run. `deliver` is called with its result when its turn has come; a failure goes to `fail`. */
  start<T>(run: () => Promise<T>, deliver: (result: T) => void, fail: (error: unknown) => void): void {
    const entry: Entry = { kind: 'run', deliver: undefined };
    this.#entries.push(entry);
    this.#running += 1;
    run().then(
      (result) => {
        this.#running -= 1;
        entry.deliver = () => {
          deliver(result);
        };
        try {
          this.#deliver();
        } catch (thrown) {
          this.#fail(thrown, fail);
        }
        this.#changed();
      },
      (thrown: unknown) => {
        this.#running -= 1;
        this.#fail(thrown, fail);
      },
    );
  }

  watermark(watermark: number): void {
    this.#entries.push({ kind: 'watermark', watermark });
    this.#deliver();
  }

  /** Resolves when another run may start. @throws what a run has failed with */
  async whenFree(): Promise<void> {
    this.#check();
    while (this.#running >= this.#limit) await this.#next();
  }

  /** Resolves when everything has been delivered. @throws what a run has failed with */
  async whenEmpty(): Promise<void> {
    this.#check();
    while (this.#entries.length > 0) await this.#next();
  }

  /** Resolves when no run is in flight, delivered or not. */
  async whenStill(): Promise<void> {
    while (this.#running > 0) await this.#change.promise;
  }

  async #next(): Promise<void> {
    await this.#change.promise;
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }

  #fail(thrown: unknown, fail: (error: unknown) => void): void {
    if (this.#failure === undefined) {
      this.#failure = { thrown };
      fail(thrown);
    }
    this.#changed();
  }

  #changed(): void {
    const { resolve } = this.#change;
    this.#change = deferred();
    resolve();
  }

  #deliver(): void {
    if (this.#failure !== undefined) return;
    for (let at = 0; at < this.#entries.length;) {
      const entry = this.#entries[at] as Entry;
      if (entry.kind === 'watermark') {
        if (at > 0) return;
        this.#entries.shift();
        this.#emitWatermark(entry.watermark);
      } else if (entry.deliver !== undefined) {
        this.#entries.splice(at, 1);
        entry.deliver();
      } else if (this.#ordered) return;
      else at += 1;
    }
  }
}
