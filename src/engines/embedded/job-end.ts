import { MillraceError, withDeadline } from '../../core/index.js';
import { finalCut } from '../../stream/subtask.js';
import type { EndState } from './job-life.js';
import type { JobParts } from './job-parts.js';
import { mergeStates } from './restore.js';

/** How a job ends: by itself after its last cut, or torn down. */
export class JobEnd {
  readonly #job: JobParts;

  constructor(job: JobParts) {
    this.#job = job;
  }

  finishIfAllEnded(): void {
    const { life, regions, changes } = this.#job;
    const isBusy = life.isEnding || life.state === 'rescaling' || regions.isRestarting;
    if (!isBusy && regions.hasEnded) changes.run(() => this.#finish()).catch(() => undefined);
  }

  /** The last cut is there: everybody commits, then closes by itself. */
  async #finish(): Promise<void> {
    const { life, regions, checkpoints, deployer, failures } = this.#job;
    const { handles, hasEnded } = regions;
    if (!hasEnded) return;
    try {
      await checkpoints.final(deployer.plan, mergeStates(handles.map((handle) => handle.ended ?? {})));
    } catch (thrown) {
      // Committed output that no checkpoint knows of would be written again by a run that restores.
      failures.all(MillraceError.from(thrown));
      return;
    }
    for (const handle of handles) handle.post({ type: 'complete', cut: finalCut });
    await this.#job.unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
    if (!life.isEnding && !regions.isRestarting) await this.tearDown('finished');
  }

  /** After its savepoint: everybody closes, and commits nothing more. */
  async suspend(): Promise<void> {
    const { life, regions } = this.#job;
    const { handles } = regions;
    for (const handle of handles) handle.post({ type: 'close' });
    await this.#job.unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
    if (!life.isEnding) await this.tearDown('suspended');
  }

  /** Ends whatever still runs, at once or by force; nothing of the job remains. */
  async tearDown(state: EndState): Promise<void> {
    const { life, submission, options, regions, checkpoints, hosts, report } = this.#job;
    const { name } = submission;
    life.beginEnd();
    this.#job.stopTimers();
    const stopped = new MillraceError('CUT_FAILED', `job ${name} has ${state === 'finished' ? 'finished' : `been ${state}`}`, {
      details: { abandoned: true },
    });
    life.breakOff(stopped);
    regions.over();
    checkpoints.abandon(stopped);
    const { handles } = regions;
    for (const handle of handles) handle.post({ type: 'close' });
    const closed = Promise.all(handles.map((handle) => handle.whenClosed));
    await withDeadline(closed, { ms: options.cancelTimeoutMs, what: `closing job ${name}` }).catch(() => undefined);
    report.stop();
    await hosts.destroy();
    await Promise.all(handles.map((handle) => handle.whenClosed));
    // A failure while a finished job closes is a failure still: a sink may not have committed.
    const failure = state === 'failed' ? life.lastFailure : regions.failure;
    if (state === 'failed' || (failure !== undefined && state !== 'cancelled')) life.failed(failure);
    else life.ended(state, (end) => report.summary(end));
  }
}
