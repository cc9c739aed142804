import { setTimeout } from 'node:timers/promises';

/** Waits, and keeps the process alive meanwhile: a job that runs elsewhere has nothing else here that would. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}
