import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '../../core/index.js';
import { isAlive } from '../../core/is-alive.js';
import type { FlinkEngineOptions } from '../../engines/flink/index.js';
import type { JobSubmission } from '../../stream/engine.js';

/** What a running job leaves in the runtime directory, so that other commands find it. */
export interface JobEntry {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
  readonly startedAtMs: number;
  /** undefined: no process of this machine attends to the job. */
  readonly socket: string | undefined;
  readonly logFile: string;
  readonly metricsUrl: string | undefined;
  /** A job on Flink lives on without the process that submitted it. */
  readonly flink?: FlinkEntry;
}

/** What another process needs to take hold of a job on Flink, and to submit it anew where it is scaled. */
export interface FlinkEntry {
  /** Flink's id of the job. */
  readonly flinkId: string;
  readonly detached: boolean;
  readonly options: FlinkEngineOptions;
  readonly submission: Pick<JobSubmission, 'bundle' | 'params' | 'parallelism' | 'keyGroups' | 'overrides' | 'restart'> & {
    readonly everyMs: number | undefined;
  };
}

/** Whether a process of this machine attends to the job, so that it answers on its socket. */
export function isAttended({ pid, socket }: JobEntry): boolean {
  return socket !== undefined && isAlive(pid);
}

// 108 bytes is what the kernel gives the path of a socket, its closing zero included.
const maxSocketPathBytes = 107;

/** The directory of running jobs: only its user may enter it. */
export class JobDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  socketPath(id: string): string {
    const path = join(this.path, `${id}.sock`);
    const length = Buffer.byteLength(path);
    if (length > maxSocketPathBytes)
      throw new MillraceError(
        'OPTION_INVALID',
        `the runtime directory ${this.path} is too long for a socket (${length} bytes, limit ${maxSocketPathBytes}); set MILLRACE_RUNTIME_DIR to a shorter one`,
      );
    return path;
  }

  /** Creates the directory where it is missing. @throws OPTION_INVALID where others own it or may enter it */
  open(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(this.path);
    if (uid !== process.getuid?.())
      throw new MillraceError('OPTION_INVALID', `the runtime directory ${this.path} belongs to user ${uid}; set MILLRACE_RUNTIME_DIR to one of your own`);
    if ((mode & 0o077) !== 0) chmodSync(this.path, 0o700);
  }

  add(entry: JobEntry): void {
    const path = this.#entryPath(entry.id);
    writeFileSync(`${path}.tmp`, JSON.stringify(entry), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }

  /** Scaling made a new job of it on Flink. */
  resubmitted(id: string, flinkId: string, overrides: Readonly<Record<string, number>>): void {
    const entry = readEntry(this.#entryPath(id));
    if (entry?.flink === undefined) return;
    const { flink } = entry;
    this.add({ ...entry, flink: { ...flink, flinkId, submission: { ...flink.submission, overrides } } });
  }

  remove(id: string): void {
    rmSync(this.#entryPath(id), { force: true });
    rmSync(join(this.path, `${id}.sock`), { force: true });
  }

  /** Running jobs, oldest first. Entries whose process is gone are cleared away, but for jobs on Flink: only Flink knows of them. */
  list(): readonly JobEntry[] {
    const entries: JobEntry[] = [];
    for (const file of this.#files()) {
      const entry = readEntry(join(this.path, file));
      if (entry === undefined) continue;
      if (isAttended(entry) || entry.flink !== undefined) entries.push(entry);
      else this.remove(entry.id);
    }
    return entries.sort((a, b) => a.startedAtMs - b.startedAtMs);
  }

  /** The one running job of this name or id (a unique prefix of the id will do). @throws JOB_NOT_FOUND */
  find(nameOrId: string | undefined): JobEntry {
    const running = this.list();
    const matches = nameOrId === undefined ? running : running.filter((entry) => entry.name === nameOrId || entry.id.startsWith(nameOrId));
    if (matches.length === 1) return matches[0]!;
    const shown = running.map((entry) => `${entry.name} (${entry.id})`).join(', ') || 'none';
    if (matches.length > 1)
      throw new MillraceError(
        'JOB_NOT_FOUND',
        `${nameOrId === undefined ? 'several jobs run' : `'${nameOrId}' fits several jobs`}; name one by its id: ${shown}`,
      );
    throw new MillraceError('JOB_NOT_FOUND', nameOrId === undefined ? 'no job is running' : `no running job is called '${nameOrId}'; running: ${shown}`);
  }

  #files(): string[] {
    try {
      return readdirSync(this.path).filter((name) => name.endsWith('.json'));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw thrown;
    }
  }

  #entryPath(id: string): string {
    return join(this.path, `${id}.json`);
  }
}

function readEntry(path: string): JobEntry | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as JobEntry;
  } catch {
    // Gone or half-made between listing and reading.
    return undefined;
  }
}
