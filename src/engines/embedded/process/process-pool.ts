import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromSystemError } from '../../../core/errors.js';
import type { SubtaskWork } from '../protocol.js';
import type { StartedSubtask } from '../subtask-host.js';
import { ProcessHost } from './process-host.js';

const endLimitMs = 2_000;
/** A socket's path has room for 107 bytes, on some systems for 103; names in the folder are short. */
const longestFolder = 70;

/** Processes of one job: one subtask at a time each, reused from deployment to deployment. */
export class ProcessPool {
  readonly #hosts = new Set<ProcessHost>();
  #folder: string | undefined;

  /** Where the channels of this job have their sockets; nobody else may look into it. @throws IO_FAILED, DISK_FULL */
  get folder(): string {
    const base = tmpdir().length > longestFolder ? '/tmp' : tmpdir();
    try {
      return (this.#folder ??= mkdtempSync(join(base, 'millrace-')));
    } catch (thrown) {
      throw fromSystemError(thrown, 'folder for the sockets of a job', base);
    }
  }

  run(work: SubtaskWork, about: { readonly name: string; readonly role: string | undefined }): StartedSubtask {
    for (const gone of this.#hosts) if (gone.isGone) this.#hosts.delete(gone);
    let host = [...this.#hosts].find(({ isIdle }) => isIdle);
    if (host === undefined) {
      host = new ProcessHost(this.folder);
      this.#hosts.add(host);
    }
    return host.run(work, about);
  }

  /** Ends every process, also one that hangs; none of them is left when this resolves. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#hosts].map((host) => host.end(endLimitMs)));
    this.#hosts.clear();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
