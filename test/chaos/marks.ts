import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Its file lets a job that waits at its last mark go on. */
export const overFile = 'over';

export function markFile(record: number): string {
  return `mark-${record}`;
}

/** As long as its file is there, a job waits at that mark, whichever it is. */
export function holdFile(record: number): string {
  return `hold-${record}`;
}

const lastMark = 0.9;

/**
 * How a job and the one who strikes it agree on the moment, by files of a folder:
 *
 *      the job leaves mark-1200 ──► is struck ──► leaves mark-3100 ──► is struck ──► leaves mark-5400, the last one: waits
 *      for `over` ──► goes on to its end
 *
 * This is the side of the one who strikes; jobs/marks.ts is that of the job.
 */
export class Marks {
  /** Numbers of the records at which the job is struck. */
  readonly hits: readonly number[];
  readonly #folder: string;
  readonly #last: readonly number[];

  /** @param hitsAt shares of the records, ascending; none: the job waits nowhere */
  constructor(folder: string, records: number, hitsAt: readonly number[]) {
    this.#folder = folder;
    this.hits = hitsAt.map((share) => Math.floor(share * records));
    this.#last = hitsAt.length === 0 ? [] : [Math.floor(lastMark * records)];
  }

  /** For the job's parameter `marks`. */
  get param(): string {
    return [...this.hits, ...this.#last].join(',');
  }

  isLeft(hit: number): boolean {
    return existsSync(join(this.#folder, markFile(hit)));
  }

  /** Nothing strikes the job any more. */
  over(): void {
    writeFileSync(join(this.#folder, overFile), '');
  }
}
