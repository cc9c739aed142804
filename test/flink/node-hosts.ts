import { readdirSync, readFileSync } from 'node:fs';
import type { LocalFlink } from './local-flink.js';

/**
 * Process ids of the Node hosts that the TaskManagers of a cluster have started, and that live.
 *
 * @param taskManager of this one only; default: of all
 */
export function nodeHosts(cluster: LocalFlink, taskManager?: number): readonly number[] {
  const parents = new Set(taskManager === undefined ? cluster.pids : [cluster.taskManagerPid(taskManager)]);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // pid (name) state ppid …; the name may have spaces and brackets.
        const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        return state !== 'Z' && parents.has(Number(parent));
      } catch {
        return false;
      }
    });
}
