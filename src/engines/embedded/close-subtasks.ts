import { withDeadline } from '../../core/index.js';
import type { SubtaskHandle } from './subtask-handle.js';

/**
 * Closes subtasks, by force where they do not close within `limitMs`; when it resolves none of them runs any more.
 *
 * @returns names of those whose thread was terminated
 */
export async function closeSubtasks(handles: readonly SubtaskHandle[], limitMs: number): Promise<readonly string[]> {
  for (const handle of handles) handle.post({ type: 'close' });
  const all = Promise.all(handles.map((handle) => handle.whenClosed));
  const inTime = await withDeadline(all, { ms: limitMs, what: 'close' }).then(
    () => true,
    () => false,
  );
  if (inTime) return [];
  const stuck = handles.filter((handle) => !handle.closed);
  for (const handle of stuck) handle.kill();
  await all;
  return stuck.map(({ name }) => name);
}
