import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceConnector } from 'millrace';
import { markFile, overFile } from '../marks.js';

const pollMs = 20;

/** Leaves a file in `folder` for each mark, a number of a record, when a record of that number or a later one has come by. */
export function leaveMarks(folder: string, marks: readonly number[]): (n: number) => void {
  let next = 0;
  return (n) => {
    for (; next < marks.length && n >= marks[next]!; next++) writeFileSync(join(folder, markFile(marks[next]!)), '');
  };
}

/** Waits once the last mark has been left, until the file of {@link overFile} is there: a job that has ended cannot be struck. */
export function heldAt<R>(connector: SourceConnector<R>, folder: string, marks: readonly number[]): SourceConnector<R> {
  const last = marks.at(-1);
  if (last === undefined) return connector;
  return {
    ...connector,
    create: (runtime) => {
      const subtask = connector.create(runtime);
      const read = subtask.read.bind(subtask);
      let isOver = false;
      subtask.read = () => {
        if (!isOver && existsSync(join(folder, markFile(last)))) {
          isOver = existsSync(join(folder, overFile));
          if (!isOver) return { next: 'wait', afterMs: pollMs };
        }
        return read();
      };
      return subtask;
    },
  };
}
