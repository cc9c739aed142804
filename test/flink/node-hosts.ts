import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** IPv4 addresses that a process listens on. */
export function listeningOn(pid: number): readonly string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined;
      }
    }),
  );
  const found = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      // number, address:port here, there, state (0A: listens), …, and the inode as the 10th; addresses in hex, the last byte first.
      const fields = line.trim().split(/\s+/);
      const [, local = '', , state] = fields;
      return state === '0A' && own.has(fields[9]) ? [[...Buffer.from(local.slice(0, 8), 'hex').reverse()].join('.')] : [];
    });
  return [...new Set(found)];
}
