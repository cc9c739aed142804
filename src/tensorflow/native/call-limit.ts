/** Asynchronous native calls of this thread at once; koffi refuses beyond 256 and each has a stack. */
const maxCalls = 64;

let running = 0;
const waiting: (() => void)[] = [];

/** Runs `call` once fewer than 64 native calls of this thread are in flight; first come, first served. */
export async function limitCalls<T>(call: () => Promise<T>): Promise<T> {
  if (running >= maxCalls) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await call();
  } finally {
    // The place passes to the next one without being free in between.
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}
