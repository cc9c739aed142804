import { existsSync, statSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { isMillraceError, MillraceError } from '../../core/index.js';
import { loadTfjs } from '../eager/index.js';
import { cApi } from '../native/c-api.js';
import { NativeSession } from '../native/session.js';
import { GraphDefBuilder } from '../saved-model/graph-def-builder.js';
import { checkPlatform } from './setup.js';
import { readManifest } from './manifest.js';
import { bindingPath } from './package-paths.js';

/** One thing that doctor looks at. */
export interface InstallationCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do; absent where all is well. */
  readonly fix?: string;
}

const setupFix = 'run: npx millrace setup';
const minMemoryBytes = 2 * 1024 ** 3;

/** Looks at everything that running TensorFlow needs on this machine. Never throws; loads the native library into this process. */
export async function checkInstallation(): Promise<readonly InstallationCheck[]> {
  const checks: InstallationCheck[] = [];
  const look = async (name: string, fix: string, work: () => string | Promise<string>): Promise<void> => {
    try {
      checks.push({ name, ok: true, detail: await work() });
    } catch (thrown) {
      checks.push({ name, ok: false, detail: thrown instanceof Error ? thrown.message : String(thrown), fix: fixOf(thrown) ?? fix });
    }
  };
  await look('node', 'install Node 20.20 or later of 20, or 22.2 or later of 22', checkNode);
  await look('platform', 'use Linux on x86-64, or set MILLRACE_LIBTENSORFLOW', () => {
    // A library that is there already makes the platform fit.
    if (!existsSync(bindingPath())) checkPlatform(process.platform, process.arch);
    return `${process.platform} ${process.arch}`;
  });
  await look('memory', 'give the machine or container at least 2 GiB', checkMemory);
  await look('tensorflow library', setupFix, checkLibrary);
  const isThere = checks.every(({ name, ok }) => ok || name !== 'tensorflow library');
  // Loading what is known to be damaged could end the process.
  if (!isThere) return checks;
  await look('tensorflow c api', `${setupFix} --force`, checkSession);
  await look('tfjs-node binding', `${setupFix} --force`, checkBinding);
  return checks;
}

function fixOf(thrown: unknown): string | undefined {
  const fix = isMillraceError(thrown) ? thrown.details['fix'] : undefined;
  return typeof fix === 'string' ? fix : undefined;
}

/** By major version of Node.js. */
const lowestMinors: Readonly<Record<number, number>> = { 20: 20, 22: 2 };

function checkNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (minor < (lowestMinors[major] ?? Infinity))
    throw new MillraceError('UNSUPPORTED', `Node ${process.version}; Millrace runs on 20 from 20.20 on, and on 22 from 22.2 on`);
  return process.version;
}

function checkMemory(): string {
  // What a container allows, where that is less than the machine has.
  const limit = process.constrainedMemory() ?? 0;
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const text = `${gib(total)} in all, ${gib(freemem())} free`;
  if (total < minMemoryBytes) throw new MillraceError('RESOURCE_EXHAUSTED', text);
  return text;
}

function checkLibrary(): string {
  const manifest = readManifest();
  if (manifest === undefined) throw new MillraceError('SETUP_NEEDED', 'not set up');
  for (const { path, bytes } of [manifest.cc, manifest.framework]) {
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size !== bytes)
      throw new MillraceError('SETUP_NEEDED', size === undefined ? `${path} is gone` : `${path} has ${size} bytes, ${bytes} when it was set up`);
  }
  return manifest.cc.path;
}

async function checkSession(): Promise<string> {
  const graph = new GraphDefBuilder();
  graph.constant('answer', { dtype: 'int32', shape: [], data: new Int32Array([42]) });
  const session = await NativeSession.fromGraphDef(graph.serialize());
  try {
    const { answer } = await session.run({}, ['answer']);
    if (answer?.data[0] !== 42) throw new MillraceError('TENSORFLOW', 'a constant graph gave a wrong result');
    return `TensorFlow ${cApi().version()}`;
  } finally {
    await session.close();
  }
}

async function checkBinding(): Promise<string> {
  const tf = await loadTfjs();
  const sum = tf.tidy(() => tf.add(tf.scalar(1), tf.scalar(2)).dataSync()[0]);
  if (sum !== 3) throw new MillraceError('TENSORFLOW', '1 + 2 gave a wrong result');
  return `tfjs-node ${tf.version['tfjs-core']}`;
}
