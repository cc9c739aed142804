import { MillraceError } from '../../core/index.js';

// TypeScript declares waitAsync from ES2024 on; Node 20 has it.
interface WaitAsync {
  waitAsync(array: Int32Array, index: number, value: number, timeoutMs: number): { value: 'not-equal' | 'timed-out' | 'ok' | Promise<'timed-out' | 'ok'> };
}

/** Waits until `array[index]` is no longer `value`, at most `timeoutMs`; the event loop runs on and stays alive. */
export async function waitForChange(array: Int32Array, index: number, value: number, timeoutMs: number): Promise<void> {
  // A pending waitAsync does not keep a process alive.
  const alive = setTimeout(() => undefined, timeoutMs + 1000);
  try {
    await (Atomics as unknown as WaitAsync).waitAsync(array, index, value, timeoutMs).value;
  } finally {
    clearTimeout(alive);
  }
}

const free = 0;
const held = 1;

export interface ThreadLockOptions {
  readonly deadlineMs: number;
  /** What the holder does; it opens the message of DEADLINE_EXCEEDED. */
  readonly what: string;
}

/** Runs `work` while no other thread of the process does, on one word of shared memory. @throws DEADLINE_EXCEEDED */
export async function withThreadLock<T>(word: Int32Array, options: ThreadLockOptions, work: () => T | Promise<T>): Promise<T> {
  const end = Date.now() + options.deadlineMs;
  while (Atomics.compareExchange(word, 0, free, held) !== free) {
    const leftMs = end - Date.now();
    if (leftMs <= 0) throw lockHeld(options);
    await waitForChange(word, 0, held, leftMs);
  }
  try {
    return await work();
  } finally {
    release(word);
  }
}

/** The same for work that cannot wait asynchronously: blocks the thread. @throws DEADLINE_EXCEEDED */
export function withThreadLockSync<T>(word: Int32Array, options: ThreadLockOptions, work: () => T): T {
  const end = Date.now() + options.deadlineMs;
  while (Atomics.compareExchange(word, 0, free, held) !== free) {
    const leftMs = end - Date.now();
    if (leftMs <= 0) throw lockHeld(options);
    Atomics.wait(word, 0, held, leftMs);
  }
  try {
    return work();
  } finally {
    release(word);
  }
}

function release(word: Int32Array): void {
  Atomics.store(word, 0, free);
  Atomics.notify(word, 0);
}

function lockHeld({ what, deadlineMs }: ThreadLockOptions): MillraceError {
  return new MillraceError('DEADLINE_EXCEEDED', `${what}: another thread still holds the lock after ${deadlineMs} ms; it may have ended in the middle`, {
    details: { limitMs: deadlineMs },
  });
}
