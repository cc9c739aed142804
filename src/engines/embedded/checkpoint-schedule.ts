/** Takes checkpoints one after the other, `everyMs` from start to start, for as long as the job lives. */
export class CheckpointSchedule {
  readonly #everyMs: number | undefined;
  readonly #take: () => Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param everyMs undefined: never */
  constructor(everyMs: number | undefined, take: () => Promise<unknown>) {
    this.#everyMs = everyMs;
    this.#take = take;
    if (everyMs !== undefined) this.#after(everyMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #after(delayMs: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#next(), delayMs).unref();
  }

  async #next(): Promise<void> {
    const startedMs = performance.now();
    // Failures are counted and logged where they happen; a job that restarts or ends has none.
    await this.#take().catch(() => undefined);
    this.#after(Math.max((this.#everyMs as number) - (performance.now() - startedMs), 0));
  }
}
