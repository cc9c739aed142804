import { MillraceError } from '../../core/errors.js';
import type { MetricSample } from '../../core/metrics.js';
import type { CheckpointInfo, CheckpointKind } from '../../stream/checkpoint.js';
import type { JobState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import type { RecoveryPoint, TakenCut } from './checkpointing.js';
import { JobChanges } from './job-changes.js';
import { JobParts } from './job-parts.js';
import { scaleJob } from './job-scaling.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';

interface CutOptions {
  readonly stop: boolean;
  readonly target?: string | undefined;
}

/**
 * One job from submission to its end; see {@link JobLife} for its states.
 *
 * Cuts, scaling and the end wait for each other, and for regions that restart; a restart waits for the one under way.
 */
export class JobRun implements RunningJob {
  readonly id: string;
  readonly name: string;
  readonly #changes = new JobChanges(() => this.#unready());
  readonly #parts: JobParts;

  constructor(submission: JobSubmission, plan: JobGraph, options: ResolvedEmbeddedEngineOptions, restored: RecoveryPoint | undefined) {
    this.id = submission.id;
    this.name = submission.name;
    const takeCut = (): Promise<unknown> => this.#changes.run(() => this.#take(this.#parts.checkpoints.isDurable ? 'checkpoint' : undefined, { stop: false }));
    this.#parts = new JobParts({ submission, plan, options, restored, changes: this.#changes, takeCut });
  }

  get state(): JobState {
    return this.#parts.report.state;
  }

  get finished(): Promise<JobSummary> {
    return this.#parts.life.finished;
  }

  status(): JobStatus {
    return this.#parts.report.status();
  }

  metrics(): readonly MetricSample[] {
    return this.#parts.report.metrics();
  }

  async stop(): Promise<JobSummary> {
    const { life, regions } = this.#parts;
    life.drainAsked = true;
    if (life.state === 'running' || life.state === 'starting') life.state = 'draining';
    // What restarts hears of it when it runs.
    if (life.state === 'draining') regions.drain();
    return this.finished;
  }

  async cancel(): Promise<void> {
    const { life, end } = this.#parts;
    if (!life.isEnding) void end.tearDown('cancelled');
    await this.finished.then(
      () => undefined,
      () => undefined,
    );
  }

  scale(operatorOrRole: string, parallelism: number): Promise<void> {
    return this.#changes.run(() => scaleJob(this.#parts, operatorOrRole, parallelism));
  }

  async savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#changes.run(async () => (await this.#take('savepoint', { stop: false, target })).info as CheckpointInfo);
  }

  async suspend(target?: string): Promise<JobSummary> {
    await this.#changes.run(async () => {
      await this.#take('savepoint', { stop: true, target });
      await this.#parts.end.suspend();
    });
    return this.finished;
  }

  /** What a change of the whole job has to wait for: all of it runs then. */
  #unready(): Promise<unknown> | undefined {
    const { life, regions, failures } = this.#parts;
    if (!life.goesOn) throw this.#refusal(`it is ${life.state}`);
    if (regions.isRestarting) return failures.restarts.settled();
    if (!regions.isOpen) return this.#parts.unlessBroken(regions.whenRunning);
    return failures.nodes.isBusy ? failures.nodes.settled() : undefined;
  }

  async #take(kind: CheckpointKind | undefined, { stop, target }: CutOptions): Promise<TakenCut> {
    const { submission, regions, deployer, checkpoints } = this.#parts;
    if (kind !== undefined && submission.checkpoints?.store === undefined)
      throw new MillraceError('UNSUPPORTED', `job ${this.name} has no place for a ${kind}: it was submitted without a checkpoint store`);
    if (regions.hasEnded) throw this.#refusal('its input has ended, the last cut is being taken');
    const request = { handles: regions.handles, plan: deployer.plan, stop };
    // Also where something fails meanwhile: a restart must know whether this cut became durable.
    return checkpoints.take({ ...request, ...(kind === undefined ? {} : { kind }), ...(target === undefined ? {} : { target }) });
  }

  #refusal(why: string): MillraceError {
    const { state } = this.#parts.life;
    return new MillraceError('CUT_FAILED', `job ${this.name}: no cut now, ${why}`, { details: { abandoned: true, state } });
  }
}
