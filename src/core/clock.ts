/** Cancels a timer; calling it twice is harmless. */
export type CancelTimer = () => void;

/**
 * Time as a port, so that a test or the simulation owns it.
 *
 * `now` is wall-clock milliseconds since the epoch; `after` runs `action` once, `delayMs` later.
 */
export interface Clock {
  now(): number;
  after(delayMs: number, action: () => void): CancelTimer;
}

/** The clock of the operating system. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    // Node fires timers above 2^31-1 ms at once; no wait of ours is meant to be that long.
    const timer = setTimeout(action, Math.min(Math.max(delayMs, 0), 2_147_483_647));
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `delayMs` of `clock`, or rejects with the signal's reason. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
