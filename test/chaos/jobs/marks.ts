import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceConnector } from 'millrace';
import { holdFile, markFile, overFile } from '../marks.js';

const pollMs = 20;

/** Leaves a file in `folder` for each mark, a number of a record, when a record of that number or a later one has come by. */
export function leaveMarks(folder: string, marks: readonly number[]): (n: number) => void {
  let next = 0;
  return (n) => {
    for (; next < marks.length && n >= marks[next]!; next++) writeFileSync(join(folder, markFile(marks[next]!)), '');
  };
}

/**
 * Waits once the last mark has been left, until the file of {@link overFile} is there: a job that has ended cannot be struck. At any
 * mark it waits as long as that of {@link holdFile} is there.
 */
export function heldAt<R>(connector: SourceConnector<R>, folder: string, marks: readonly number[]): SourceConnector<R> {
  const last = marks.at(-1);
  if (last === undefined) return connector;
  const isThere = (file: string): boolean => existsSync(join(folder, file));
  const isHeld = (mark: number): boolean => isThere(markFile(mark)) && (isThere(holdFile(mark)) || (mark === last && !isThere(overFile)));
  return {
    ...connector,
    create: (runtime) => {
      const subtask = connector.create(runtime);
      const read = subtask.read.bind(subtask);
      subtask.read = () => (marks.some(isHeld) ? { next: 'wait', afterMs: pollMs } : read());
      return subtask;
    },
  };
}
