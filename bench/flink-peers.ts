import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { openAsBlob } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDir } from '../test/python/judge.js';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../../bench/peers/', import.meta.url));
const toolTimeoutMs = 300_000;
const jobTimeoutMs = 180_000;
const pollMs = 200;
const pyFlinkVersion = '2.2.0';

export interface Identity {
  readonly records: number;
  readonly bytes: number;
}

/** Of one run: from a fifth of the records, when all is loaded and compiled, to the last one. */
export interface Measured {
  /** Records per second. */
  readonly rate: number;
  /** When the sink had a fifth and when it had all, ms since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Builds bench/peers/flink-java by Maven into the cache, where it is not there yet. @returns path of the jar */
export async function buildJavaPeer(): Promise<string> {
  const sources = join(folder, 'flink-java');
  const hash = createHash('sha256');
  for (const name of ['pom.xml', 'src/main/java/millrace/peers/IdentityJob.java']) hash.update(readFileSync(join(sources, name)));
  const path = join(cacheDir, 'bench', `flink-peer-${hash.digest('hex').slice(0, 16)}.jar`);
  if (existsSync(path)) return path;
  const temporary = await mkdtemp(join(tmpdir(), 'millrace-peer-'));
  try {
    await cp(sources, temporary, { recursive: true });
    await run('mvn', ['-q', '-B', 'package'], { cwd: temporary, timeout: toolTimeoutMs });
    await mkdir(join(cacheDir, 'bench'), { recursive: true });
    await cp(join(temporary, 'target', 'flink-peer.jar'), path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}

async function rest<T>(address: string, path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`${address}${path}`, { ...init, signal: AbortSignal.timeout(30_000) });
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** The identity job in Java on a cluster. */
export class JavaPeer {
  private constructor(
    readonly address: string,
    readonly jar: string,
  ) {}

  static async upload(address: string, path: string): Promise<JavaPeer> {
    const form = new FormData();
    form.append('jarfile', await openAsBlob(path), basename(path));
    const { filename } = await rest<{ readonly filename: string }>(address, '/jars/upload', { method: 'POST', body: form });
    return new JavaPeer(address, basename(filename));
  }

  async measure({ records, bytes }: Identity, chaining: 'chained' | 'apart'): Promise<Measured> {
    const body = JSON.stringify({ entryClass: 'millrace.peers.IdentityJob', programArgsList: [String(records), String(bytes), chaining] });
    const { jobid } = await rest<{ readonly jobid: string }>(this.address, `/jars/${this.jar}/run`, {
      ...{ method: 'POST', body, headers: { 'content-type': 'application/json' } },
    });
    const deadline = Date.now() + jobTimeoutMs;
    for (;;) {
      const { state } = await rest<{ readonly state: string }>(this.address, `/jobs/${jobid}`);
      if (state === 'FINISHED') break;
      if (state === 'FAILED' || Date.now() > deadline) throw new Error(`the job in Java is ${state}`);
      await setTimeout(pollMs);
    }
    const { 'user-task-accumulators': values } = await rest<{
      readonly 'user-task-accumulators': readonly { readonly name: string; readonly value: string }[];
    }>(this.address, `/jobs/${jobid}/accumulators`);
    const at = (name: string): number => Number(values.find((value) => value.name === name)?.value);
    const [fromMs, toMs] = [at('fifthAt'), at('allAt')];
    return { rate: (records * 0.8 * 1000) / (toMs - fromMs), fromMs, toMs };
  }
}

export interface PyFlinkPeer {
  /** Records per second. */
  rate(work: Identity): Promise<number>;
  close(): void;
}

/** PyFlink in the cache, installed where it is not there yet. @returns why it cannot be */
async function pyFlink(): Promise<{ readonly python: string } | { readonly skip: string }> {
  const environment = join(cacheDir, 'bench', `pyflink-${pyFlinkVersion}`);
  const python = join(environment, 'bin', 'python');
  const check = (): Promise<unknown> => run(python, ['-c', 'import pyflink.datastream'], { timeout: toolTimeoutMs });
  try {
    if (existsSync(python)) await check();
    else {
      await run('python3', ['-m', 'venv', environment], { timeout: toolTimeoutMs });
      await run(python, ['-m', 'pip', 'install', '-q', `apache-flink==${pyFlinkVersion}`], { timeout: toolTimeoutMs });
    }
    return { python };
  } catch (thrown) {
    return { skip: (thrown as Error).message.split('\n').slice(0, 3).join(' ') };
  }
}

export async function openPyFlink(jar: string): Promise<PyFlinkPeer | { readonly skip: string }> {
  const found = await pyFlink();
  if ('skip' in found) return found;
  const child = spawn(found.python, [join(folder, 'pyflink', 'identity.py'), jar], { stdio: 'pipe', detached: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const prefix = 'answer ';
  return {
    rate: async (work) => {
      child.stdin.write(`${JSON.stringify(work)}\n`);
      const timer = globalThis.setTimeout(() => child.kill(), jobTimeoutMs);
      try {
        for (;;) {
          const { value, done } = await lines.next();
          if (done === true) throw new Error(`PyFlink ended: ${said}`);
          if (value.startsWith(prefix)) return (JSON.parse(value.slice(prefix.length)) as { readonly rate: number }).rate;
        }
      } finally {
        clearTimeout(timer);
      }
    },
    // Its JVM and its Python workers are in its group.
    close: () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    },
  };
}
