/**
 * How a job and the one who strikes it agree on the moment, by files of a folder:
 *
 *      the job leaves mark-1200 ──► is struck ──► leaves mark-3100 ──► is struck ──► leaves mark-5400, the last one: waits
 *      for `over` ──► goes on to its end
 */
export const overFile = 'over';

export function markFile(record: number): string {
  return `mark-${record}`;
}

const lastMark = 0.9;

/** Numbers of the records at which the job is struck, and of the one at which it waits: none where it is not struck. */
export function marksOf(records: number, hitsAt: readonly number[]): readonly number[] {
  return hitsAt.length === 0 ? [] : [...hitsAt, lastMark].map((share) => Math.floor(share * records));
}
