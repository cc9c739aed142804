import { randomBytes } from 'node:crypto';
import { access, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fromSystemError } from '../../../core/errors.js';
import { packageRoot, packagesFolder } from './package-root.js';

/** Stands in a submitted bundle for the URL of the package's folder: it lies elsewhere here than where the job was bundled. */
export const rootToken = 'millrace-root:';

/**
 * Puts a bundle where this machine can load it: beside it, with imports of this package instead of tokens, and next to a
 * `node_modules` in which the job's packages resolve. Threads of one host may do so at the same time.
 *
 * @returns the path to load
 * @throws FILE_NOT_FOUND, IO_FAILED, DISK_FULL
 */
export async function placeBundle({ path, hash }: { readonly path: string; readonly hash: string }): Promise<string> {
  const folder = dirname(path);
  const target = join(folder, `job-${hash.slice(0, 16)}.mjs`);
  try {
    await access(target);
    return target;
  } catch {
    // Not there yet.
  }
  try {
    const code = await readFile(path, 'utf8');
    await symlink(packagesFolder, join(folder, 'node_modules'), 'dir').catch((thrown: unknown) => {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    });
    const temporary = `${target}.${randomBytes(6).toString('hex')}`;
    await writeFile(temporary, code.replaceAll(rootToken, `${pathToFileURL(packageRoot).href}/`), { mode: 0o600 });
    await rename(temporary, target);
  } catch (thrown) {
    throw fromSystemError(thrown, 'bundle of the job', path);
  }
  return target;
}
