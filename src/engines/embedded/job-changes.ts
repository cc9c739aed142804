/**
 * Changes of a job as a whole (cuts, scaling, its end): one at a time, and each begins while all of the job runs. What fails
 * then restarts when the change has ended, one way or the other.
 */
export class JobChanges {
  readonly #wait: () => Promise<unknown> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #underWay: Promise<unknown> = Promise.resolve();

  /** @param wait what the next change has to wait for; undefined: it may begin now; throws where none will begin any more */
  constructor(wait: () => Promise<unknown> | undefined) {
    this.#wait = wait;
  }

  /** Settles, and never rejects, when the change that has begun has ended. */
  get underWay(): Promise<unknown> {
    return this.#underWay;
  }

  /** The next one waits for the end of this one, however it ends. */
  run<T>(change: () => Promise<T>): Promise<T> {
    const run = this.#last.then(async () => {
      for (let wait = this.#wait(); wait !== undefined; wait = this.#wait()) await wait;
      const changed = change();
      this.#underWay = settled(changed);
      return changed;
    });
    this.#last = settled(run);
    return run;
  }
}

function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch(() => undefined);
}
