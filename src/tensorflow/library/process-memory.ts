import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

/**
 * Memory that all threads of this process share without handing it to each other.
 *
 * Node clones a thread's environment data into every worker it starts, and a SharedArrayBuffer in it stays shared. So
 * the thread that loads this module first (the main thread, as the command line and the engine's host do) lays the
 * areas down, and each later worker finds them. A worker whose parent never loaded this module shares only with the
 * workers below itself, so that two such workers may start tfjs-node at once, which can crash the process: everything
 * that leads to native code imports this module statically.
 */
const areas = Object.freeze({
  /** Lock and state of tfjs-node's start, see eager/start-lock.ts. */
  'tfjs-start': 64,
  /** Sessions that threads share, see native/session-registry.ts. */
  sessions: 64 + 256 * 64,
});

export type ProcessArea = keyof typeof areas;

const key = (area: ProcessArea): string => `millrace.tensorflow.${area}`;

/** The area's memory, zeroed by whoever came first. */
export function processMemory(area: ProcessArea): SharedArrayBuffer {
  const found: unknown = getEnvironmentData(key(area));
  if (found instanceof SharedArrayBuffer) return found;
  const memory = new SharedArrayBuffer(areas[area]);
  setEnvironmentData(key(area), memory);
  return memory;
}

/** Lays every area down; call it in the main thread before it starts workers. Importing this module there does it. */
export function shareProcessMemory(): void {
  for (const area of Object.keys(areas) as ProcessArea[]) processMemory(area);
}

if (isMainThread) shareProcessMemory();
