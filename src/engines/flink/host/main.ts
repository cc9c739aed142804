import { rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { SubtaskThreads } from './subtask-threads.js';

/**
 * The host: one Node.js process of a job on a TaskManager. Java starts it, and tells it by lines of JSON on stdin which sockets
 * to connect to, one for each subtask; what it prints goes to the TaskManager's log.
 *
 * ```
 * stdin  {"open": "/tmp/millrace-…/s1",   ─► a thread connects there and runs the subtask: the one that ran it before, if there
 *         "subtask": "sums (subtask …)"}     is one
 *        end of file                      ─► exit at once: the TaskManager is gone, or needs this host no more
 * ```
 * Threads may be in long native calls or stuck; this one is always free to see the end.
 */
const threads = new SubtaskThreads((line) => process.stderr.write(`${line}\n`));

// Values that leave a column lie outside the heap, but count: beside a live heap of 10 MB they had it collected as a whole every
// 15 MB, at several times the cost of the records. It may grow to four times what lives in it; --max-old-space-size holds all the same.
setFlagsFromString('--heap-growing-percent=300');

// Ctrl-C and a hangup go to the whole process group: the TaskManager says when it is over.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The one who reads the log has gone; the end of stdin says the rest.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** Where the sockets and the bundle lie: Java's, which may have been killed. */
let folder: string | undefined;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const said = parse(line);
  if (said === undefined) process.stderr.write(`PROTOCOL: the host was told what it does not understand: ${line}\n`);
  else {
    folder = dirname(said.open);
    threads.run(said.open, said.subtask);
  }
});
lines.once('close', () => {
  try {
    if (folder !== undefined && basename(folder).startsWith('millrace-')) rmSync(folder, { recursive: true, force: true });
  } finally {
    // No exit() with subtasks left: it would wait for a thread in a native call.
    if (!threads.isIdle) process.kill(process.pid, 'SIGKILL');
    process.exit(0);
  }
});

function parse(line: string): { readonly open: string; readonly subtask: string } | undefined {
  try {
    const { open, subtask } = JSON.parse(line) as { readonly open?: unknown; readonly subtask?: unknown };
    return typeof open === 'string' && typeof subtask === 'string' ? { open, subtask } : undefined;
  } catch {
    return undefined;
  }
}
