import type { MillraceError } from '../../../core/errors.js';
import type { RegionStatus } from '../../../stream/engine.js';
import { echoes } from '../../runtime/first-cause.js';
import type { JobAttempt } from '../job-attempt.js';
import type { SubtaskHandle } from '../subtask-handle.js';
import type { Region } from './regions.js';

/** A region of a running job: what is deployed of it now, and how often it has restarted. */
export class RegionRun {
  /** All of it has opened once. */
  hasRun = false;
  #hasBegun = false;
  isRestarting = false;
  restarts = 0;
  lastFailure: MillraceError | undefined;

  constructor(
    readonly region: Region,
    public attempt: JobAttempt,
  ) {}

  get name(): string {
    return this.region.name;
  }

  get handles(): readonly SubtaskHandle[] {
    return this.attempt.handles;
  }

  /** All of it has opened once, or what had opened has failed by itself: another attempt may do better. */
  get hasBegun(): boolean {
    return this.hasRun || this.#hasBegun;
  }

  /** @param handle of the subtask that did */
  failed(failure: MillraceError, atMs: number, handle: SubtaskHandle | undefined): void {
    // Who was told to close while it opened has not failed to open.
    if (handle?.running === true && !echoes.has(failure.code)) this.#hasBegun = true;
    this.lastFailure = this.attempt.fail(failure, atMs, handle?.vertex.operators[0]?.role);
  }

  /** Its sources stop, and what they have read is finished. */
  drain(): void {
    for (const handle of this.handles) handle.post({ type: 'drain' });
  }

  get status(): RegionStatus {
    const error = this.lastFailure;
    return {
      ...{ name: this.name, operators: [...this.region.operators] },
      state: this.isRestarting ? 'restarting' : this.hasRun ? 'running' : 'starting',
      restarts: this.restarts,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }
}
