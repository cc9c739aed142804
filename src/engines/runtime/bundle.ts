import { createHash, randomBytes } from 'node:crypto';
import { access, constants, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Message } from 'esbuild';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import type { JobBundle } from '../../stream/engine.js';
import { jobImports } from './job-imports.js';

/**
 * Bundles a job file (TypeScript or JavaScript) with everything that it imports by a relative path into one ES module.
 *
 * Packages stay imports; `millrace` is this very package, so that its classes exist once. The file is named by the hash
 * of its content and lies in the nearest `node_modules/.cache/millrace`, where the imports of the job's project resolve
 * (without one: in the temporary folder). Stack traces name the original files. `import.meta.url` is the job file's.
 *
 * @throws JOB_NOT_LOADED with file:line:column for what does not compile or cannot be imported
 */
export async function bundleJob(file: string): Promise<JobBundle> {
  const path = resolve(file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new MillraceError('JOB_NOT_LOADED', `${file}: no such file; give the path of a job file (.ts or .js)`, { details: { path } });
  const code = await bundled(path);
  const hash = createHash('sha256').update(code).digest('hex');
  const folder = await cacheFolder(dirname(path));
  const name = basename(path, extname(path)).replace(/[^A-Za-z0-9._-]/g, '_');
  const target = join(folder, `${name}-${hash.slice(0, 16)}.mjs`);
  try {
    await access(target);
  } catch {
    await writeAtomically(target, code);
  }
  return { path: target, hash, source: path };
}

async function bundled(path: string): Promise<Uint8Array> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [path],
      absWorkingDir: dirname(path),
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      sourcemap: 'inline',
      // The bundle lies elsewhere than what it was made of.
      sourceRoot: `${pathToFileURL(dirname(path)).href}/`,
      // Names of functions and classes appear in messages and derived uids.
      keepNames: true,
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(path).href) },
      plugins: [jobImports()],
      logLevel: 'silent',
    });
    return (outputFiles[0] as { readonly contents: Uint8Array }).contents;
  } catch (thrown) {
    const errors = (thrown as Partial<BuildFailure>).errors ?? [];
    if (errors.length === 0) throw MillraceError.from(thrown, 'JOB_NOT_LOADED', path);
    throw new MillraceError('JOB_NOT_LOADED', errors.map((error) => describe(error, path)).join('\n'), { details: { path } });
  }
}

function describe({ text, location }: Message, path: string): string {
  const where = location === null ? path : `${resolve(dirname(path), location.file)}:${location.line}:${location.column + 1}`;
  const hint = /^Could not resolve "[^./]/.test(text) ? '; install the package in the project of the job file' : '';
  const line = location === null || location.lineText === '' ? '' : `\n    ${location.lineText.trim()}`;
  return `${where}: ${text}${hint}${line}`;
}

/** The nearest node_modules that can be written, seen from the job file. */
async function cacheFolder(from: string): Promise<string> {
  for (let folder = from; ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    const usable = await access(modules, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (usable) return createFolder(join(modules, '.cache', 'millrace'));
    if (folder === dirname(folder)) break;
  }
  return createFolder(join(tmpdir(), `millrace-${userInfo().uid}`, 'bundles'));
}

async function createFolder(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (thrown) {
    throw fromSystemError(thrown, 'folder for bundled jobs', path);
  }
}

async function writeAtomically(target: string, content: Uint8Array): Promise<void> {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, target);
  } catch (thrown) {
    throw fromSystemError(thrown, 'bundled job', target);
  }
}
