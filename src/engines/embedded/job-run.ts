import { createLogger, deferred, MillraceError, withDeadline, type Logger } from '../../core/index.js';
import type { MetricSample } from '../../core/metrics.js';
import type { CheckpointInfo, CheckpointKind } from '../../stream/checkpoint.js';
import type { JobState as RunState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { planJob } from '../../stream/planner/index.js';
import { finalCut } from '../../stream/subtask.js';
import { checkScale } from '../runtime/check-scale.js';
import { JobStatistics } from '../runtime/job-statistics.js';
import { checkSlots } from './check-slots.js';
import { Checkpointing, type RecoveryPoint, type TakenCut } from './checkpointing.js';
import { CheckpointSchedule } from './checkpoint-schedule.js';
import { keptSubtasks } from './deployment.js';
import { HungThreads } from './hung-threads.js';
import { JobChanges } from './job-changes.js';
import { JobDeployer, type DeployerParts, type JobShape } from './job-deployer.js';
import { NodeRestarts, type NodeRestartingJob } from './node-restarts.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';
import { JobRegions } from './regions/job-regions.js';
import { RegionRestarts, type RestartingJob } from './regions/region-restarts.js';
import { RegionRun } from './regions/region-run.js';
import { regionsOf } from './regions/regions.js';
import { mergeStates } from './restore.js';
import { RestartPolicy } from './restart-policy.js';
import type { SubtaskHandle } from './subtask-handle.js';
import { SubtaskHosts } from './subtask-host.js';
import { receive, type MessageListener } from './subtask-messages.js';

type EndState = 'finished' | 'suspended' | 'failed' | 'cancelled';

/**
 * One job from submission to its end.
 *
 * ```
 * starting ──► running ◄──► rescaling          all subtasks ended ──► final cut ──► complete(finalCut) ──► finished
 *                 ├───► draining ─────────────────────┘
 *                 ├───► savepoint ──► suspended
 *                 └───► restarting ──► running      a region failed: it closes, waits, starts from the last cut
 *  any of these ──► failed (first cause) │ cancelled
 * ```
 * Cuts, scaling and the end wait for each other, and for regions that restart; a restart waits for the one under way.
 */
export class JobRun implements RunningJob {
  readonly id: string;
  readonly name: string;
  readonly finished: Promise<JobSummary>;
  readonly #submission: JobSubmission;
  readonly #options: ResolvedEmbeddedEngineOptions;
  readonly #log: Logger;
  readonly #hosts: SubtaskHosts;
  readonly #checkpoints: Checkpointing;
  readonly #deployer: JobDeployer;
  readonly #regions: JobRegions;
  readonly #changes = new JobChanges(() => this.#unready());
  readonly #statistics: JobStatistics;
  readonly #schedule: CheckpointSchedule;
  readonly #policy: RestartPolicy;
  readonly #restarts: RegionRestarts;
  readonly #nodes: NodeRestarts;
  readonly #hung: HungThreads | undefined;
  readonly #end = deferred<JobSummary>();
  /** Rejects when the job begins to end otherwise than by itself. */
  readonly #broken = deferred<never>();
  readonly #startedAtMs = Date.now();
  /** As if nothing restarted. */
  #state: Exclude<RunState, 'restarting'> = 'starting';
  #lastFailure: MillraceError | undefined;
  #drainAsked = false;
  #ending = false;

  constructor(submission: JobSubmission, plan: JobGraph, options: ResolvedEmbeddedEngineOptions, restored: RecoveryPoint | undefined) {
    this.id = submission.id;
    this.name = submission.name;
    this.finished = this.#end.promise;
    // Whoever does not look at `finished` learns of a failure from status(); no crash by an unhandled rejection.
    this.finished.catch(() => undefined);
    this.#broken.promise.catch(() => undefined);
    this.#submission = submission;
    this.#options = options;
    this.#log = createLogger(submission.log);
    this.#hosts = new SubtaskHosts(options.maxThreads);
    this.#policy = new RestartPolicy(submission.restart ?? { otherwise: { strategy: 'none' }, roles: {} });
    this.#restarts = new RegionRestarts(this.#restarting(), this.#policy, options.cancelTimeoutMs, this.#log);
    this.#nodes = new NodeRestarts(this.#nodeRestarting(), this.#policy, options, this.#log);
    const keepsState = this.#policy.restarts;
    this.#checkpoints = new Checkpointing(submission, restored, { cutTimeoutMs: options.cutTimeoutMs, keepsState, log: this.#log });
    this.#deployer = this.#deploys({ plan, overrides: submission.overrides });
    const { point } = this.#checkpoints;
    this.#regions = new JobRegions(regionsOf(plan).map((region) => new RegionRun(region, this.#deployer.deploy(region, point, []))));
    this.#checkpoints.started();
    const { hangTimeoutMs } = submission;
    this.#hung = hangTimeoutMs === undefined ? undefined : new HungThreads(hangTimeoutMs, () => this.#regions.handles, this.#hangs.bind(this));
    this.#statistics = new JobStatistics(() => this.metrics());
    this.#schedule = new CheckpointSchedule(submission.checkpoints?.everyMs, () =>
      this.#changes.run(() => this.#take(this.#checkpoints.isDurable ? 'checkpoint' : undefined, { stop: false })),
    );
  }

  get state(): RunState {
    const goesOn = this.#state === 'starting' || this.#state === 'running' || this.#state === 'draining';
    return goesOn && this.#regions.isRestarting ? 'restarting' : this.#state;
  }

  status(): JobStatus {
    const error = this.#lastFailure;
    const regions = this.#regions.status;
    return {
      id: this.id,
      name: this.name,
      state: this.state,
      startedAtMs: this.#startedAtMs,
      attempt: this.#deployer.attempts,
      operators: this.#statistics.operators(this.#deployer.plan, (vertex) => this.#regions.pids(vertex)),
      checkpoints: this.#checkpoints.status,
      restarts: this.#restarts.count,
      ...(regions === undefined ? {} : { regions }),
      nodeRestarts: this.#nodes.count,
      unacknowledgedBatches: this.#nodes.unacknowledged,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [
      ...this.#regions.metrics(labels),
      ...this.#checkpoints.metrics(labels),
      { name: 'millrace_restarts_total', help: 'Restarts in place after failures.', type: 'counter', labels, value: this.#restarts.count },
      ...this.#nodes.metrics(labels),
    ];
  }

  async stop(): Promise<JobSummary> {
    this.#drainAsked = true;
    if (this.#state === 'running' || this.#state === 'starting') this.#state = 'draining';
    // What restarts hears of it when it runs.
    if (this.#state === 'draining') postDrain(this.#regions.handles);
    return this.finished;
  }

  async cancel(): Promise<void> {
    if (!this.#ending) void this.#tearDown('cancelled');
    await this.finished.then(
      () => undefined,
      () => undefined,
    );
  }

  scale(operatorOrRole: string, parallelism: number): Promise<void> {
    return this.#changes.run(() => this.#scale(operatorOrRole, parallelism));
  }

  async savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#changes.run(async () => (await this.#take('savepoint', { stop: false, target })).info as CheckpointInfo);
  }

  async suspend(target?: string): Promise<JobSummary> {
    await this.#changes.run(async () => {
      await this.#take('savepoint', { stop: true, target });
      const { handles } = this.#regions;
      for (const handle of handles) handle.post({ type: 'close' });
      await this.#unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
      if (!this.#ending) await this.#tearDown('suspended');
    });
    return this.finished;
  }

  /** What a change of the whole job has to wait for: all of it runs then. */
  #unready(): Promise<unknown> | undefined {
    if (this.#ending || !['starting', 'running', 'draining'].includes(this.#state)) throw this.#refusal(`it is ${this.#state}`);
    if (this.#regions.isRestarting) return this.#restarts.settled();
    if (!this.#regions.isOpen) return this.#unlessBroken(this.#regions.whenRunning);
    return this.#nodes.isBusy ? this.#nodes.settled() : undefined;
  }

  #unlessBroken<T>(work: Promise<T>, regions = this.#regions): Promise<T> {
    return Promise.race([work, this.#broken.promise, regions.whenFailed]);
  }

  async #take(kind: CheckpointKind | undefined, { stop, target }: { readonly stop: boolean; readonly target?: string | undefined }): Promise<TakenCut> {
    if (kind !== undefined && this.#submission.checkpoints?.store === undefined)
      throw new MillraceError('UNSUPPORTED', `job ${this.name} has no place for a ${kind}: it was submitted without a checkpoint store`);
    if (this.#regions.hasEnded) throw this.#refusal('its input has ended, the last cut is being taken');
    const request = { handles: this.#regions.handles, plan: this.#deployer.plan, stop };
    // Also where something fails meanwhile: a restart must know whether this cut became durable.
    return this.#checkpoints.take({ ...request, ...(kind === undefined ? {} : { kind }), ...(target === undefined ? {} : { target }) });
  }

  #refusal(why: string): MillraceError {
    return new MillraceError('CUT_FAILED', `job ${this.name}: no cut now, ${why}`, { details: { abandoned: true, state: this.#state } });
  }

  async #scale(operatorOrRole: string, parallelism: number): Promise<void> {
    const { graph, keyGroups, parallelism: byDefault } = this.#submission;
    const override = checkScale(graph, operatorOrRole, parallelism, keyGroups);
    if (this.#state !== 'running') throw new MillraceError('CUT_FAILED', `job ${this.name} is ${this.#state}: only a running job can be scaled`);
    const overrides = { ...this.#deployer.shape.overrides, ...override };
    const plan = planJob(graph, { parallelism: byDefault, keyGroups, overrides });
    checkSlots(plan, this.#options.maxThreads);
    this.#state = 'rescaling';
    try {
      await this.#redeploy({ plan, overrides });
    } finally {
      // Something may have ended it meanwhile.
      if ((this.#state as RunState) === 'rescaling') this.#rescaled();
    }
  }

  async #redeploy(shape: JobShape): Promise<void> {
    const old = this.#regions.handles;
    const { cut, state } = await this.#checkpoints.take({ handles: old, plan: this.#deployer.plan, stop: true });
    const kept = keptSubtasks(old, shape.plan);
    const leaving = old.filter((handle) => !kept.includes(handle));
    for (const handle of leaving) handle.post({ type: 'close' });
    const deadline = { ms: this.#options.cancelTimeoutMs, what: `redeployment of job ${this.name}: closing ${leaving.map(({ name }) => name).join(', ')}` };
    await this.#unlessBroken(withDeadline(Promise.all(leaving.map((handle) => handle.whenClosed)), deadline)).catch((thrown: unknown) => {
      this.#fail(this.#regions.all, MillraceError.from(thrown), Date.now());
      throw thrown;
    });
    this.#deployer.reshape(shape);
    // From here on the job has its new shape: an attempt that fails is a matter of its restart.
    await this.#start(this.#regions.all, { number: cut, state }, kept).catch((thrown: unknown) => {
      if (!this.#regions.isRestarting) throw thrown;
    });
  }

  #rescaled(): void {
    this.#state = this.#drainAsked ? 'draining' : 'running';
    if (this.#drainAsked) postDrain(this.#regions.handles);
    this.#finishIfAllEnded();
  }

  /** The next attempt of regions, from a cut or from the beginning. */
  async #start(regions: readonly RegionRun[], point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): Promise<void> {
    const leaving = regions.flatMap(({ handles }) => handles).filter((handle) => !kept.includes(handle));
    this.#statistics.keep(leaving.flatMap((handle) => handle.metrics({})));
    this.#deployer.nextAttempt();
    for (const each of regions) each.attempt = this.#deployer.deploy(each.region, point, kept);
    const started = new JobRegions(regions);
    await this.#unlessBroken(started.whenRunning, started);
  }

  #deploys(shape: JobShape): JobDeployer {
    const parts: DeployerParts = {
      ...{ submission: this.#submission, options: this.#options, hosts: this.#hosts, policy: this.#policy },
      lastCut: () => this.#checkpoints.lastCut,
      onMessage: receive.bind(undefined, this.#listener()),
      onLost: (handle, error) => {
        const region = this.#regions.of(handle);
        if (region !== undefined) this.#lost(region, handle, error);
      },
      onLate: (attempt, error) => {
        const region = this.#regions.deployedAs(attempt);
        if (region !== undefined) this.#fail([region], error, Date.now());
      },
    };
    return new JobDeployer(parts, shape);
  }

  #listener(): MessageListener {
    return {
      submission: this.#submission,
      checkpoints: this.#checkpoints,
      regions: () => this.#regions,
      isLeaving: (handle) => this.#nodes.isLeaving(handle),
      opened: (region) => this.#opened(region),
      ended: () => this.#finishIfAllEnded(),
      failed: (region, handle, error, atMs) => this.#failed(region, handle, error, atMs),
      jobFailed: (error) => this.#fail(this.#regions.all, error, Date.now()),
    };
  }

  #opened(region: RegionRun): void {
    region.hasRun = true;
    if (this.#state === 'starting' && this.#regions.all.every(({ hasRun }) => hasRun)) this.#state = 'running';
    if (this.#drainAsked) postDrain(region.handles);
  }

  #lost(region: RegionRun, handle: SubtaskHandle, error: MillraceError): void {
    this.#failed(region, handle, error, Date.now());
    // Its last state has gone with it, where nobody succeeds it.
    if (region.isRestarting) handle.ended = undefined;
  }

  #hangs(handle: SubtaskHandle, error: MillraceError): void {
    const region = this.#regions.of(handle);
    if (region === undefined) return;
    this.#failed(region, handle, error, Date.now());
    // It would not hear that it has to close.
    handle.kill();
  }

  #failed(region: RegionRun, handle: SubtaskHandle, error: MillraceError, atMs: number): void {
    // What ends it when it is being replaced is no other cause.
    if (this.#nodes.isLeaving(handle)) return;
    if (this.#nodes.replace(region.attempt, handle, error)) this.#lastFailure = error;
    else this.#fail([region], error, atMs, handle);
  }

  /** Of regions together: those that do not restart already, will. */
  #fail(own: readonly RegionRun[], failure: MillraceError, atMs: number, handle?: SubtaskHandle): void {
    // What is deployed while the shape of the job changes is neither the old nor the new job.
    const regions = this.#state === 'rescaling' ? this.#regions.all : own;
    for (const region of regions) region.failed(failure, atMs, handle);
    const cause = regions[0]?.lastFailure ?? failure;
    this.#lastFailure = cause;
    if (this.#ending) return;
    // What cannot open at the first start has lost nothing, and is for the person who started it, unless it is mere bad luck.
    const hasRun = regions.every((region) => region.hasBegun) || handle?.running === true || cause.retryable;
    if (!hasRun || !this.#policy.restarts) {
      void this.#tearDown('failed');
      return;
    }
    const restarting = regions.filter((region) => !region.isRestarting);
    if (restarting.length === 0) return;
    this.#abandonCut(`job ${this.name} restarts`);
    for (const { attempt } of restarting) attempt.over();
    this.#restarts.begin(restarting);
  }

  #abandonCut(why: string): void {
    this.#checkpoints.abandon(new MillraceError('CUT_FAILED', why, { details: { abandoned: true } }));
  }

  #nodeRestarting(): NodeRestartingJob {
    return {
      isRunning: (attempt) => {
        const isUsual = !this.#ending && ['starting', 'running', 'draining'].includes(this.#state);
        return isUsual && this.#regions.deployedAs(attempt)?.isRestarting === false;
      },
      nextAttempt: () => this.#deployer.nextAttempt(),
      abandonCut: () => this.#abandonCut(`a node of job ${this.name} restarts`),
      succession: ({ cutsBefore }) => {
        const decided = this.#checkpoints.lastCut;
        return { decided, barrier: decided > cutsBefore ? decided : 0 };
      },
      state: () => this.#checkpoints.point?.state,
      keep: (samples) => this.#statistics.keep(samples),
      fail: (error, attempt, handle) => {
        const region = this.#regions.deployedAs(attempt);
        if (region !== undefined) this.#fail([region], error, Date.now(), handle);
      },
    };
  }

  #restarting(): RestartingJob {
    return {
      isEnding: () => this.#ending,
      isWhole: (regions) => regions.length === this.#regions.all.length,
      untilUnchanged: () => this.#changes.underWay,
      point: () => this.#checkpoints.point,
      whenBroken: this.#broken.promise,
      start: (regions, from) => this.#start(regions, from, []),
      resumed: () => this.#finishIfAllEnded(),
      giveUp: async (error) => {
        this.#lastFailure = error;
        await this.#tearDown('failed');
      },
    };
  }

  #finishIfAllEnded(): void {
    const isBusy = this.#ending || this.#state === 'rescaling' || this.#regions.isRestarting;
    if (!isBusy && this.#regions.hasEnded) this.#changes.run(() => this.#finish()).catch(() => undefined);
  }

  /** The last cut is there: everybody commits, then closes by itself. */
  async #finish(): Promise<void> {
    const { handles, hasEnded } = this.#regions;
    if (!hasEnded) return;
    try {
      await this.#checkpoints.final(this.#deployer.plan, mergeStates(handles.map((handle) => handle.ended ?? {})));
    } catch (thrown) {
      // Committed output that no checkpoint knows of would be written again by a run that restores.
      this.#fail(this.#regions.all, MillraceError.from(thrown), Date.now());
      return;
    }
    for (const handle of handles) handle.post({ type: 'complete', cut: finalCut });
    await this.#unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
    if (!this.#ending && !this.#regions.isRestarting) await this.#tearDown('finished');
  }

  /** Ends whatever still runs, at once or by force; nothing of the job remains. */
  async #tearDown(state: EndState): Promise<void> {
    this.#ending = true;
    this.#schedule.stop();
    this.#hung?.stop();
    const stopped = new MillraceError('CUT_FAILED', `job ${this.name} has ${state === 'finished' ? 'finished' : `been ${state}`}`, {
      details: { abandoned: true },
    });
    this.#broken.reject(stopped);
    this.#regions.over();
    this.#checkpoints.abandon(stopped);
    const { handles } = this.#regions;
    for (const handle of handles) handle.post({ type: 'close' });
    const closed = Promise.all(handles.map((handle) => handle.whenClosed));
    await withDeadline(closed, { ms: this.#options.cancelTimeoutMs, what: `closing job ${this.name}` }).catch(() => undefined);
    this.#statistics.stop(this.metrics());
    await this.#hosts.destroy();
    await Promise.all(handles.map((handle) => handle.whenClosed));
    // A failure while a finished job closes is a failure still: a sink may not have committed.
    const failure = state === 'failed' ? this.#lastFailure : this.#regions.failure;
    this.#state = failure !== undefined && state !== 'cancelled' ? 'failed' : state;
    if (this.#state === 'failed') this.#end.reject(failure);
    else this.#end.resolve(this.#summary(state as JobSummary['state']));
  }

  #summary(state: JobSummary['state']): JobSummary {
    return {
      ...{ id: this.id, name: this.name, state, durationMs: Date.now() - this.#startedAtMs },
      operators: this.#statistics.operators(this.#deployer.plan),
      checkpoints: this.#checkpoints.status,
      restarts: this.#restarts.count,
      nodeRestarts: this.#nodes.count,
    };
  }
}

function postDrain(handles: readonly SubtaskHandle[]): void {
  for (const handle of handles) handle.post({ type: 'drain' });
}
