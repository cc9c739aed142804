import { MillraceError } from '../../core/index.js';
import type { JobAttempt } from './job-attempt.js';
import type { JobParts } from './job-parts.js';
import { NodeRestarts, type NodeRestartingJob } from './node-restarts.js';
import { RegionRestarts, type RestartingJob } from './regions/region-restarts.js';
import type { RegionRun } from './regions/region-run.js';
import type { SubtaskHandle } from './subtask-handle.js';

/**
 * What becomes of a failure.
 *
 * ```
 * a subtask failed, was lost, hangs ──► its node is replaced alone
 *                                  └──► its regions restart (a failure that is nobody's own: all of them)
 *                                  └──► the job fails, where nothing restarts or nothing was lost yet
 * ```
 */
export class JobFailures {
  readonly restarts: RegionRestarts;
  readonly nodes: NodeRestarts;
  readonly #job: JobParts;

  constructor(job: JobParts) {
    const { policy, options, log } = job;
    this.#job = job;
    this.restarts = new RegionRestarts(this.#restarting(), policy, options.cancelTimeoutMs, log);
    this.nodes = new NodeRestarts(this.#nodeRestarting(), policy, options, log);
  }

  /** Its thread or process is gone. */
  lost(handle: SubtaskHandle, error: MillraceError): void {
    const region = this.#job.regions.of(handle);
    if (region === undefined) return;
    this.failed(region, handle, error, Date.now());
    // Its last state has gone with it, where nobody succeeds it.
    if (region.isRestarting) handle.ended = undefined;
  }

  hangs(handle: SubtaskHandle, error: MillraceError): void {
    const region = this.#job.regions.of(handle);
    if (region === undefined) return;
    this.failed(region, handle, error, Date.now());
    // It would not hear that it has to close.
    handle.kill();
  }

  failed(region: RegionRun, handle: SubtaskHandle, error: MillraceError, atMs: number): void {
    // What ends it when it is being replaced is no other cause.
    if (this.nodes.isLeaving(handle)) return;
    if (this.nodes.replace(region.attempt, handle, error)) this.#job.life.lastFailure = error;
    else this.fail([region], error, atMs, handle);
  }

  /** Of one attempt of a region, if that is the one that is deployed now. */
  failedAs(attempt: JobAttempt, error: MillraceError, handle?: SubtaskHandle): void {
    const region = this.#job.regions.deployedAs(attempt);
    if (region !== undefined) this.fail([region], error, Date.now(), handle);
  }

  /** Nobody's own failure. */
  all(error: MillraceError): void {
    this.fail(this.#job.regions.all, error, Date.now());
  }

  /** Of regions together: those that do not restart already, will. */
  fail(own: readonly RegionRun[], failure: MillraceError, atMs: number, handle?: SubtaskHandle): void {
    const { life, policy, submission } = this.#job;
    // What is deployed while the shape of the job changes is neither the old nor the new job.
    const regions = life.state === 'rescaling' ? this.#job.regions.all : own;
    for (const region of regions) region.failed(failure, atMs, handle);
    const cause = regions[0]?.lastFailure ?? failure;
    life.lastFailure = cause;
    if (life.isEnding) return;
    // What cannot open at the first start has lost nothing, and is for the person who started it, unless it is mere bad luck.
    const hasRun = regions.every((region) => region.hasBegun) || handle?.running === true || cause.retryable;
    if (!hasRun || !policy.restarts) {
      void this.#job.end.tearDown('failed');
      return;
    }
    const restarting = regions.filter((region) => !region.isRestarting);
    if (restarting.length === 0) return;
    this.#abandonCut(`job ${submission.name} restarts`);
    for (const { attempt } of restarting) attempt.over();
    this.restarts.begin(restarting);
  }

  #abandonCut(why: string): void {
    this.#job.checkpoints.abandon(new MillraceError('CUT_FAILED', why, { details: { abandoned: true } }));
  }

  #nodeRestarting(): NodeRestartingJob {
    const job = this.#job;
    return {
      isRunning: (attempt) => job.life.goesOn && job.regions.deployedAs(attempt)?.isRestarting === false,
      nextAttempt: () => job.deployer.nextAttempt(),
      abandonCut: () => this.#abandonCut(`a node of job ${job.submission.name} restarts`),
      succession: ({ cutsBefore }) => {
        const decided = job.checkpoints.lastCut;
        return { decided, barrier: decided > cutsBefore ? decided : 0 };
      },
      state: () => job.checkpoints.point?.state,
      keep: (samples) => job.report.keep(samples),
      fail: (error, attempt, handle) => this.failedAs(attempt, error, handle),
    };
  }

  #restarting(): RestartingJob {
    const job = this.#job;
    return {
      isEnding: () => job.life.isEnding,
      isWhole: (regions) => regions.length === job.regions.all.length,
      untilUnchanged: () => job.changes.underWay,
      point: () => job.checkpoints.point,
      whenBroken: job.life.whenBroken,
      start: (regions, from) => job.start(regions, from, []),
      resumed: () => job.end.finishIfAllEnded(),
      giveUp: async (error) => {
        job.life.lastFailure = error;
        await job.end.tearDown('failed');
      },
    };
  }
}
