import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { MillraceError } from '../../core/index.js';
import { manifestPath } from './package-paths.js';

const fileSchema = z.strictObject({ path: z.string().min(1), bytes: z.number() });

const schema = z.strictObject({
  /** Format of this file. */
  version: z.literal(1),
  framework: fileSchema,
  cc: fileSchema,
  /** What the binding was compiled from; another key needs another compilation. */
  bindingKey: z.string(),
  bindingBytes: z.number(),
});

/** What setup writes beside tfjs-node's binding, so that any thread finds the library without the environment. */
export type LibraryManifest = z.output<typeof schema>;

/** The two shared libraries that everything native needs, as absolute paths. */
export interface LibraryLocation {
  readonly framework: string;
  readonly cc: string;
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
  return { framework: manifest.framework.path, cc: manifest.cc.path };
}
