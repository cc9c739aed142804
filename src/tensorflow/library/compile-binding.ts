import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { LibraryLocation } from './manifest.js';
import { tfjsNodeFolder } from './package-paths.js';
import { fileFailed, runCommand, setupFailed } from './run-command.js';
import { tellStep, type OnSetupProgress } from './setup-progress.js';

const compilers = ['g++', 'c++', 'clang++'];
const compileDeadlineMs = 10 * 60_000;
const loadDeadlineMs = 60_000;

/** What to compile tfjs-node's binding from and against. */
export interface BindingBuild {
  readonly library: LibraryLocation;
  /** Folder that holds `tensorflow/c/c_api.h`. */
  readonly headers: string;
}

const flags = ['-O2', '-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DNDEBUG'];

/** Names everything that the compiled binding depends on. */
export function bindingKey({ library, headers }: BindingBuild): string {
  const hash = createHash('sha256');
  for (const source of sources()) hash.update(readFileSync(source));
  hash.update(JSON.stringify([flags, library, headers, process.arch]));
  return hash.digest('hex').slice(0, 24);
}

/** The compiled binding in the cache, compiled where it is not there yet. Call it under the setup lock. @throws SETUP_FAILED */
export async function compileBinding(cacheDir: string, build: BindingBuild, tell: OnSetupProgress): Promise<string> {
  const target = join(cacheDir, 'bindings', `${bindingKey(build)}.node`);
  if (existsSync(target)) return target;
  const temporary = join(cacheDir, `tmp-${randomUUID()}.node`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await tellStep(tell, 'compile', "tfjs-node's binding", () => compile(build, temporary));
    await tryToLoad(temporary);
    await rename(temporary, target);
    return target;
  } catch (thrown) {
    throw fileFailed('compiling the binding', thrown);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function compile({ library, headers }: BindingBuild, output: string): Promise<void> {
  const folders = [...new Set([dirname(library.cc), dirname(library.framework)])];
  const args = [
    ...flags,
    `-I${headers}`,
    `-I${nodeHeaders()}`,
    ...sources().filter((source) => source.endsWith('.cc')),
    library.cc,
    library.framework,
    ...folders.map((folder) => `-Wl,-rpath,${folder}`),
    '-o',
    output,
  ];
  for (const compiler of compilers) {
    const result = await runCommand(compiler, args, compileDeadlineMs);
    if (result === undefined) continue;
    if (result.code === 0) return;
    throw setupFailed(
      `${compiler} could not compile tfjs-node's binding`,
      "see the compiler's message; the library must be TensorFlow 2.x with its C headers",
      result.tail,
    );
  }
  throw setupFailed(`there is no C++ compiler (tried ${compilers.join(', ')})`, 'install one (Debian: apt-get install g++; Fedora: dnf install gcc-c++)');
}

/** In a process of its own, because a library that does not fit may crash. */
async function tryToLoad(binding: string): Promise<void> {
  const script = `process.dlopen({ exports: {} }, ${JSON.stringify(binding)})`;
  const result = await runCommand(process.execPath, ['-e', script], loadDeadlineMs);
  if (result?.code !== 0)
    throw setupFailed('the compiled binding does not load', 'check that the library fits this machine, then run setup again', result?.tail);
}

function sources(): string[] {
  const folder = join(tfjsNodeFolder(), 'binding');
  return readdirSync(folder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Node-API's headers: those that came with this Node, else those of the package node-api-headers. Nothing is downloaded. */
function nodeHeaders(): string {
  const own = join(dirname(process.execPath), '..', 'include', 'node');
  if (existsSync(join(own, 'node_api.h'))) return own;
  return join(dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')), 'include');
}

/** Copies a file so that readers see the old one or the whole new one. */
export async function copyInPlace(from: string, to: string): Promise<void> {
  const aside = `${to}.${randomUUID()}`;
  try {
    await mkdir(dirname(to), { recursive: true });
    await copyFile(from, aside);
    await rename(aside, to);
  } catch (thrown) {
    await rm(aside, { force: true });
    throw fileFailed(`writing ${to}`, thrown);
  }
}
