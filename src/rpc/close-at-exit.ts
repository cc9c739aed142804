import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const accepted = new Set<Socket>();
let isWatching = false;

/**
 * Has this thread close the connections that its servers have accepted when it exits.
 *
 * Node goes round its event loop once more after process.exit() of a worker thread. A call that comes in then finds no
 * JavaScript to take it, and an assertion of Node's http2 (`onread->IsFunction()`, nodejs/node issues 38418 and 64850) aborts the
 * process with all of its threads. A closed connection has nothing to read. Nothing helps where worker.terminate() ends a
 * thread in the middle: no JavaScript runs there any more.
 */
export function closeAtExit(): void {
  if (isMainThread || isWatching) return;
  isWatching = true;
  subscribe('net.server.socket', (message) => {
    const { socket } = message as { readonly socket: Socket };
    accepted.add(socket);
    socket.once('close', () => accepted.delete(socket));
  });
  process.once('exit', () => {
    for (const socket of accepted) socket.destroy();
  });
}
