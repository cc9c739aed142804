import { existsSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { MillraceError, resolveOptions } from '../../core/index.js';
import { bindingKey, compileBinding, copyInPlace, type BindingBuild } from './compile-binding.js';
import { fetchLibrary } from './fetch-library.js';
import { readManifest, type LibraryLocation, type LibraryManifest } from './manifest.js';
import { bindingPath, manifestPath } from './package-paths.js';
import { fileFailed, setupFailed } from './run-command.js';
import { withSetupLock } from './setup-lock.js';
import { tellStep, type OnSetupProgress } from './setup-progress.js';

const optionsSchema = z.strictObject({
  /** Where the wheel, the unpacked library and the compiled binding are kept, for all projects of this user. */
  cacheDir: z.string().min(1),
  /** A folder with libtensorflow_cc.so.2 (or libtensorflow.so.2), libtensorflow_framework.so.2 and the C headers; nothing is fetched then. */
  libraryDir: z.string().min(1).optional(),
  /** Compile and place again even where everything seems in place. */
  force: z.boolean().default(false),
  /** How long to wait for another process that sets up the same cache. */
  lockDeadlineMs: z
    .number()
    .positive()
    .default(30 * 60_000),
  progress: z.custom<OnSetupProgress>((value) => typeof value === 'function', 'must be a function').optional(),
});

export type SetupOptions = z.input<typeof optionsSchema>;

export interface SetupResult {
  readonly library: LibraryLocation;
  readonly binding: string;
  /** False where everything was in place already. */
  readonly changed: boolean;
}

/**
 * Puts the native part in place for the `@tensorflow/tfjs-node` that this package uses: fetches TensorFlow's shared
 * libraries (about 274 MB, 1.1 GB on disk), checks, unpacks, compiles the binding and places it. Safe to run several at
 * once; done within milliseconds where nothing is missing.
 *
 * @throws SETUP_FAILED with the fix, PLATFORM_UNSUPPORTED, OPTION_INVALID
 */
export async function setupTensorFlow(options: SetupOptions): Promise<SetupResult> {
  const { cacheDir: cache, libraryDir, force, lockDeadlineMs, progress } = resolveOptions(optionsSchema, options, 'setup');
  const cacheDir = resolve(cache);
  const tell: OnSetupProgress = progress ?? (() => undefined);
  if (libraryDir === undefined) checkPlatform(process.platform, process.arch);
  const given = libraryDir === undefined ? undefined : libraryBuild(resolve(libraryDir));
  if (!force) {
    const found = inPlace(cacheDir, given);
    if (found !== undefined) return found;
  }
  return withSetupLock(cacheDir, lockDeadlineMs, async () => {
    const build = given ?? libraryBuild(await fetchLibrary(cacheDir, tell));
    if (force) await rm(join(cacheDir, 'bindings', `${bindingKey(build)}.node`), { force: true });
    const compiled = await compileBinding(cacheDir, build, tell);
    return tellStep(tell, 'place', bindingPath(), () => place(build, compiled));
  });
}

/** @throws PLATFORM_UNSUPPORTED where there is no wheel that this setup can use */
export function checkPlatform(platform: string, arch: string): void {
  if (platform === 'linux' && arch === 'x64') return;
  throw new MillraceError(
    'PLATFORM_UNSUPPORTED',
    `setup: there is no TensorFlow wheel for ${platform} ${arch} that Millrace knows; use Linux on x86-64 (a container does), or build or fetch TensorFlow 2.x's C library with its headers and set MILLRACE_LIBTENSORFLOW to its folder`,
    { details: { platform, arch } },
  );
}

/** What setup needs of a library's folder: the wheel's layout, or that of TensorFlow's C archive (lib/, include/). */
function libraryBuild(dir: string): BindingBuild {
  const find = (what: string, candidates: readonly string[]): string => {
    const found = candidates.map((name) => join(dir, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    throw setupFailed(
      `${dir} has no ${what} (looked for ${candidates.join(', ')})`,
      'point MILLRACE_LIBTENSORFLOW at a folder with both libraries and the C headers, such as site-packages/tensorflow',
    );
  };
  const cc = find('TensorFlow library', ['libtensorflow_cc.so.2', 'lib/libtensorflow_cc.so.2', 'libtensorflow.so.2', 'lib/libtensorflow.so.2']);
  const framework = find('framework library', ['libtensorflow_framework.so.2', 'lib/libtensorflow_framework.so.2']);
  const header = find('C header', ['include/tensorflow/c/c_api.h', '../include/tensorflow/c/c_api.h']);
  return { library: { cc, framework }, headers: dirname(dirname(dirname(header))) };
}

/** The result of an earlier setup for the same library, where nothing of it is missing. */
function inPlace(cacheDir: string, given: BindingBuild | undefined): SetupResult | undefined {
  const manifest = manifestOrNothing();
  if (manifest === undefined) return undefined;
  const library: LibraryLocation = { cc: manifest.cc.path, framework: manifest.framework.path };
  const isRight = given === undefined ? library.cc.startsWith(cacheDir) : library.cc === given.library.cc && library.framework === given.library.framework;
  if (!isRight || !hasSize(library.cc, manifest.cc.bytes) || !hasSize(library.framework, manifest.framework.bytes)) return undefined;
  const build = given ?? libraryBuild(dirname(library.cc));
  if (manifest.bindingKey !== bindingKey(build) || !hasSize(bindingPath(), manifest.bindingBytes)) return undefined;
  return { library, binding: bindingPath(), changed: false };
}

function manifestOrNothing(): LibraryManifest | undefined {
  try {
    return readManifest();
  } catch {
    // Damaged: setup writes it again.
    return undefined;
  }
}

function hasSize(path: string, bytes: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === bytes;
}

async function place(build: BindingBuild, compiled: string): Promise<SetupResult> {
  const { library } = build;
  const file = (path: string) => ({ path, bytes: statSync(path).size });
  const manifest: LibraryManifest = {
    version: 1,
    framework: file(library.framework),
    cc: file(library.cc),
    bindingKey: bindingKey(build),
    bindingBytes: statSync(compiled).size,
  };
  await copyInPlace(compiled, bindingPath());
  const text = `${compiled}.json`;
  await writeFile(text, `${JSON.stringify(manifest, undefined, 2)}\n`).catch((thrown: unknown) => {
    throw fileFailed(`writing ${text}`, thrown);
  });
  // Last: whoever finds the manifest finds a whole installation.
  await copyInPlace(text, manifestPath());
  return { library, binding: bindingPath(), changed: true };
}
