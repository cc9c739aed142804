import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../../core/index.js';
import { manifestPath } from './package-paths.js';

const schema = z.strictObject({
  /** Format of this file. */
  version: z.literal(1),
  /** Folder of the two shared libraries, absolute. */
  libraryDir: z.string().min(1),
  /** What the library calls itself, or 'unknown' before it was loaded once. */
  tensorflow: z.string(),
  /** SHA-256 of the binding that was compiled against it. */
  bindingSha256: z.string(),
});

/** What setup writes beside tfjs-node's binding, so that any thread finds the library without the environment. */
export type LibraryManifest = z.output<typeof schema>;

/** The two files that everything native needs. */
export const frameworkFile = 'libtensorflow_framework.so.2';
export const ccFile = 'libtensorflow_cc.so.2';

export interface LibraryLocation {
  readonly dir: string;
  readonly framework: string;
  readonly cc: string;
}

export function libraryIn(dir: string): LibraryLocation {
  return { dir, framework: join(dir, frameworkFile), cc: join(dir, ccFile) };
}

/** The manifest, or undefined where setup has not run for this installation. @throws SETUP_NEEDED where it is damaged */
export function readManifest(path: string = manifestPath()): LibraryManifest | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (thrown) {
    throw new MillraceError('SETUP_NEEDED', `${path} is damaged; run: npx millrace setup --force`, { details: { path }, cause: thrown });
  }
}

/** Where this installation's TensorFlow library lies. Reads one small file, never the environment. @throws SETUP_NEEDED */
export function locateLibrary(): LibraryLocation {
  const manifest = readManifest();
  if (manifest === undefined) {
    throw new MillraceError('SETUP_NEEDED', `the native TensorFlow library is not set up (no ${manifestPath()}); run: npx millrace setup`);
  }
  return libraryIn(manifest.libraryDir);
}
