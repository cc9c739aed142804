import { open, stat } from 'node:fs/promises';

/** Returns when a file, or a folder's list of names, is on the disk: it survives a loss of power from here on. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether there is anything at `path` that may be looked at. */
export async function pathExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
