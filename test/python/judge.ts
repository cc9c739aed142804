import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withSetupLock } from '../../src/tensorflow/library/setup-lock.js';
import { wheel } from '../../src/tensorflow/library/wheel.js';
import type { TensorData, TensorDtype, TensorValue } from '../../src/tensorflow/index.js';
import { arrayTypes, type NumericDtype } from '../../src/tensorflow/tensor-data.js';

/** Where the command line keeps the native library, too. */
export const cacheDir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace');

/** The repository, seen from dist/test/python. */
export const repository = fileURLToPath(new URL('../../../', import.meta.url));

const installDeadlineMs = 15 * 60_000;

/** Pythons for which there is a wheel of this TensorFlow. */
const pythonVersions = ['3.10', '3.11', '3.12', '3.13'];

export type Judge = { readonly python: string } | { readonly skip: string };

/**
 * A Python with TensorFlow, in a virtual environment in the cache, made on first use.
 *
 * Where the local Python is one that this TensorFlow has no wheel for, says why the judge is missing; in CI that is an error.
 */
export async function pythonJudge(): Promise<Judge> {
  const version = pythonVersion();
  if (version === undefined || !pythonVersions.includes(version)) {
    const skip = `Python TensorFlow ${wheel.version} judges only with Python ${pythonVersions.join(', ')}; found ${version ?? 'none'}`;
    if (process.env['CI'] === 'true') throw new Error(skip);
    return { skip };
  }
  const folder = join(cacheDir, `python-${version}-tensorflow-${wheel.version}`);
  const python = join(folder, 'bin', 'python');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return { python };
  await withSetupLock(cacheDir, installDeadlineMs, () => {
    if (!existsSync(complete)) install(folder, python, version);
    writeFileSync(complete, '');
    return Promise.resolve();
  });
  return { python };
}

function pythonVersion(): string | undefined {
  try {
    return execFileSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

function install(folder: string, python: string, version: string): void {
  rmSync(folder, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'pipe' });
  const kept = join(cacheDir, 'wheels', wheel.fileName);
  const what = version === wheel.python && existsSync(kept) ? kept : `${wheel.name}==${wheel.version}`;
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', what], { stdio: 'pipe', timeout: installDeadlineMs });
}

/** Runs a script of test/python and gives what it printed. */
export function runPython(python: string, script: string, args: readonly string[]): string {
  return execFileSync(python, [join(repository, 'test', 'python', script), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000 });
}

export interface EncodedTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: string | readonly string[];
}

export interface JudgeCase {
  readonly name: string;
  readonly dir: string;
  readonly signature: string;
  readonly feeds: Readonly<Record<string, TensorValue>>;
  readonly expected: Readonly<Record<string, TensorValue>>;
  /** Absolute, for floats; 0 is bit for bit. */
  readonly tolerance: number;
}

/** Has Python write its SavedModels and answers into a fresh folder. Remove the folder afterwards. */
export function writeJudgeCases(python: string): { readonly folder: string; readonly cases: readonly JudgeCase[] } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-judge-'));
  runPython(python, 'write_models.py', [folder]);
  return { folder, cases: readJudgeCases(folder) };
}

/** The cases in a folder that {@link writeJudgeCases} made. */
export function readJudgeCases(folder: string): readonly JudgeCase[] {
  type Encoded = Omit<JudgeCase, 'feeds' | 'expected'> & Record<'feeds' | 'expected', Record<string, EncodedTensor>>;
  const encoded = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Encoded[];
  return encoded.map((one) => ({ ...one, feeds: mapValues(one.feeds, decodeTensor), expected: mapValues(one.expected, decodeTensor) }));
}

export interface ModelRequest {
  readonly dir: string;
  readonly signature: string;
  /** tf.saved_model.load, or a TFSMLayer. */
  readonly via: 'load' | 'layer';
  readonly feeds: Readonly<Record<string, TensorValue>>;
}

export interface ModelAnswer {
  readonly outputs: Readonly<Record<string, TensorValue>>;
  /** Names of what Python sees as the model's variables, sorted; empty for a layer. */
  readonly variables: readonly string[];
}

/** Has Python load all models at once and run each. */
export function runModels(python: string, requests: readonly ModelRequest[]): readonly ModelAnswer[] {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-judge-'));
  try {
    const file = join(folder, 'requests.json');
    const encoded = requests.map(({ dir, signature, via, feeds }) => ({ dir, signature, via, feeds: mapValues(feeds, encode) }));
    writeFileSync(file, JSON.stringify(encoded));
    const answers = JSON.parse(runPython(python, 'run_models.py', [file])) as { outputs: Record<string, EncodedTensor>; variables: string[] }[];
    return answers.map(({ outputs, variables }) => ({ outputs: mapValues(outputs, decodeTensor), variables }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

function encode({ dtype, shape, data }: TensorValue): EncodedTensor {
  if (dtype === 'string') return { dtype, shape, data: (data as readonly (Uint8Array | string)[]).map((text) => Buffer.from(text).toString('base64')) };
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return { dtype, shape, data: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
}

export function decodeTensor({ dtype, shape, data }: EncodedTensor): TensorValue {
  if (dtype === 'string') return { dtype, shape, data: (data as readonly string[]).map((text) => Buffer.from(text, 'base64')) };
  const bytes = Buffer.from(data as string, 'base64');
  const copy = new Uint8Array(bytes).buffer;
  return { dtype, shape, data: new arrayTypes[dtype as NumericDtype](copy) as TensorData };
}
