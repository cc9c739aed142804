import { workerData } from 'node:worker_threads';

/**
 * A thread of a host process that looks whether the parent is still the one that started it, and ends the process where it is
 * not: the deadline for a host whose main thread does not come to see that its channel has closed (a pipe that nobody
 * empties blocks whoever prints to it).
 */
const parent = workerData as number;
const everyMs = 1_000;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, everyMs);
