import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../core/is-alive.js';
import { fileFailed, setupFailed } from './run-command.js';

const pollMs = 200;

/**
 * Runs `work` while no other process does for this cache directory.
 *
 * The lock is a file with the holder's process id. A holder that has died is noticed and its lock taken over.
 *
 * @throws SETUP_FAILED where the lock is not free before the deadline
 */
export async function withSetupLock<T>(cacheDir: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  const path = join(cacheDir, 'setup.lock');
  const mine = JSON.stringify({ pid: process.pid, id: randomUUID() });
  await mkdir(cacheDir, { recursive: true }).catch((thrown: unknown) => {
    throw fileFailed(`cache directory ${cacheDir}`, thrown);
  });
  const end = Date.now() + deadlineMs;
  while (!(await tryLock(path, mine))) {
    if (Date.now() >= end)
      throw setupFailed(`another setup still holds ${path} after ${deadlineMs / 1000} s`, `wait for it; if none is running, remove ${path}`);
    await delay(pollMs);
  }
  try {
    return await work();
  } finally {
    if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true });
  }
}

async function tryLock(path: string, mine: string): Promise<boolean> {
  try {
    await writeFile(path, mine, { flag: 'wx' });
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw fileFailed(`lock ${path}`, thrown);
  }
  const theirs = await readFile(path, 'utf8').catch(() => '');
  if (theirs !== '' && !holderLives(theirs)) await removeStale(path, theirs);
  return false;
}

/** Takes a dead holder's lock away, and puts it back where somebody else was faster and the lock is a living one's by now. */
async function removeStale(path: string, theirs: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== theirs) await link(aside, path);
  } catch {
    // Gone already, or taken again: the next try sees which.
  } finally {
    await rm(aside, { force: true });
  }
}

function holderLives(lock: string): boolean {
  try {
    return isAlive((JSON.parse(lock) as { readonly pid: number }).pid);
  } catch {
    return false;
  }
}
