import { createLogger, decodeError, deferred, MillraceError, withDeadline, type EncodedError, type Logger } from '../../core/index.js';
import type { MetricSample } from '../../core/metrics.js';
import type { CheckpointInfo, CheckpointKind } from '../../stream/checkpoint.js';
import type { JobState as RunState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { describeGraph, planJob } from '../../stream/planner/index.js';
import { finalCut } from '../../stream/subtask.js';
import { Checkpointing, type RecoveryPoint, type TakenCut } from './checkpointing.js';
import { CheckpointSchedule } from './checkpoint-schedule.js';
import { keptSubtasks, type DeploymentRequest } from './deployment.js';
import { JobAttempt } from './job-attempt.js';
import { NodeRestarts, type NodeRestartingJob } from './node-restarts.js';
import { JobRestarts, type RestartableJob } from './job-restarts.js';
import { JobStatistics } from '../runtime/job-statistics.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';
import type { FromSubtask } from '../runtime/protocol.js';
import type { JobTask } from './protocol.js';
import { mergeStates } from './restore.js';
import { RestartPolicy } from './restart-policy.js';
import { checkScale } from '../runtime/check-scale.js';
import { checkSlots } from './check-slots.js';
import type { SubtaskHandle } from './subtask-handle.js';
import { SubtaskHosts } from './subtask-host.js';

type EndState = 'finished' | 'suspended' | 'failed' | 'cancelled';

/**
 * One job from submission to its end.
 *
 * ```
 * starting ──► running ◄──► rescaling          all subtasks ended ──► final cut ──► complete(finalCut) ──► finished
 *                 ├───► draining ─────────────────────┘
 *                 ├───► savepoint ──► suspended
 *                 └───► restarting ──► running      something failed: close everything, wait, start from the last cut
 *  any of these ──► failed (first cause) │ cancelled
 * ```
 * Cuts, scaling, restarts and the end wait for each other, in one chain: `#changing`.
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
  readonly #statistics: JobStatistics;
  readonly #schedule: CheckpointSchedule;
  readonly #policy: RestartPolicy;
  readonly #restarts: JobRestarts;
  readonly #nodes: NodeRestarts;
  readonly #end = deferred<JobSummary>();
  /** Rejects when the job begins to end otherwise than by itself. */
  readonly #broken = deferred<never>();
  readonly #startedAtMs = Date.now();
  #state: RunState = 'starting';
  #plan: JobGraph;
  #overrides: Readonly<Record<string, number>>;
  #attempt: JobAttempt;
  #attempts = 0;
  #lastFailure: MillraceError | undefined;
  #changing: Promise<void> = Promise.resolve();
  #drainAsked = false;
  #ending = false;
  #hasRun = false;

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
    this.#plan = plan;
    this.#overrides = submission.overrides;
    this.#hosts = new SubtaskHosts(options.maxThreads);
    this.#policy = new RestartPolicy(submission.restart ?? { otherwise: { strategy: 'none' }, roles: {} });
    this.#restarts = new JobRestarts(this.#policy, options.cancelTimeoutMs, this.#log);
    this.#nodes = new NodeRestarts(this.#nodeRestarting(), this.#policy, options, this.#log);
    const keepsState = this.#policy.restarts;
    this.#checkpoints = new Checkpointing(submission, restored, { cutTimeoutMs: options.cutTimeoutMs, keepsState, log: this.#log });
    this.#attempt = this.#deploy(this.#checkpoints.point, []);
    this.#checkpoints.started();
    this.#statistics = new JobStatistics(() => this.metrics());
    this.#schedule = new CheckpointSchedule(submission.checkpoints?.everyMs, () =>
      this.#change(() => this.#take(this.#checkpoints.isDurable ? 'checkpoint' : undefined, { stop: false })),
    );
  }

  get state(): RunState {
    return this.#state;
  }

  status(): JobStatus {
    const error = this.#lastFailure;
    return {
      id: this.id,
      name: this.name,
      state: this.#state,
      startedAtMs: this.#startedAtMs,
      attempt: this.#attempts,
      operators: this.#statistics.operators(this.#plan, (vertex) => this.#attempt.deployment.pids(vertex)),
      checkpoints: this.#checkpoints.status,
      restarts: this.#restarts.count,
      nodeRestarts: this.#nodes.count,
      unacknowledgedBatches: this.#nodes.unacknowledged,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [
      ...this.#attempt.handles.flatMap((handle) => handle.metrics(labels)),
      ...this.#attempt.deployment.channelMetrics(labels),
      ...this.#checkpoints.metrics(labels),
      { name: 'millrace_restarts_total', help: 'Restarts in place after failures.', type: 'counter', labels, value: this.#restarts.count },
      ...this.#nodes.metrics(labels),
    ];
  }

  async stop(): Promise<JobSummary> {
    this.#drainAsked = true;
    if (this.#state === 'running' || this.#state === 'starting') this.#state = 'draining';
    if (this.#state === 'draining') this.#postDrain();
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
    return this.#change(() => this.#scale(operatorOrRole, parallelism));
  }

  savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#change(async () => (await this.#take('savepoint', { stop: false, target })).info as CheckpointInfo);
  }

  async suspend(target?: string): Promise<JobSummary> {
    await this.#change(async () => {
      await this.#take('savepoint', { stop: true, target });
      const { handles } = this.#attempt;
      for (const handle of handles) handle.post({ type: 'close' });
      await this.#unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
      if (!this.#ending) await this.#tearDown('suspended');
    });
    return this.finished;
  }

  /** One change at a time: the next waits for the end of this one, however it ends. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#changing.then(work);
    this.#changing = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  #unlessBroken<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#broken.promise, this.#attempt.whenFailed]);
  }

  async #take(kind: CheckpointKind | undefined, { stop, target }: { readonly stop: boolean; readonly target?: string | undefined }): Promise<TakenCut> {
    if (kind !== undefined && this.#submission.checkpoints?.store === undefined)
      throw new MillraceError('UNSUPPORTED', `job ${this.name} has no place for a ${kind}: it was submitted without a checkpoint store`);
    await this.#untilRunning();
    const { handles } = this.#attempt;
    if (handles.every((handle) => handle.ended !== undefined)) throw this.#refusal('its input has ended, the last cut is being taken');
    // Also where something fails meanwhile: a restart must know whether this cut became durable.
    return this.#checkpoints.take({ handles, plan: this.#plan, stop, ...(kind === undefined ? {} : { kind }), ...(target === undefined ? {} : { target }) });
  }

  async #untilRunning(): Promise<void> {
    await this.#unlessBroken(this.#attempt.whenRunning);
    await this.#nodes.settled();
    if (this.#ending || (this.#state !== 'running' && this.#state !== 'draining')) throw this.#refusal(`it is ${this.#state}`);
  }

  #refusal(why: string): MillraceError {
    return new MillraceError('CUT_FAILED', `job ${this.name}: no cut now, ${why}`, { details: { abandoned: true, state: this.#state } });
  }

  async #scale(operatorOrRole: string, parallelism: number): Promise<void> {
    const override = checkScale(this.#submission.graph, operatorOrRole, parallelism, this.#submission.keyGroups);
    await this.#untilRunning();
    if (this.#state !== 'running') throw new MillraceError('CUT_FAILED', `job ${this.name} is ${this.#state}: only a running job can be scaled`);
    const overrides = { ...this.#overrides, ...override };
    const plan = planJob(this.#submission.graph, { parallelism: this.#submission.parallelism, keyGroups: this.#submission.keyGroups, overrides });
    checkSlots(plan, this.#options.maxThreads);
    this.#state = 'rescaling';
    try {
      await this.#redeploy(plan, overrides);
    } finally {
      if (this.#state === 'rescaling') this.#resumed();
    }
  }

  async #redeploy(plan: JobGraph, overrides: Readonly<Record<string, number>>): Promise<void> {
    const old = this.#attempt.handles;
    const { cut, state } = await this.#checkpoints.take({ handles: old, plan: this.#plan, stop: true });
    const kept = keptSubtasks(old, plan);
    const leaving = old.filter((handle) => !kept.includes(handle));
    for (const handle of leaving) handle.post({ type: 'close' });
    const deadline = { ms: this.#options.cancelTimeoutMs, what: `redeployment of job ${this.name}: closing ${leaving.map(({ name }) => name).join(', ')}` };
    await this.#unlessBroken(withDeadline(Promise.all(leaving.map((handle) => handle.whenClosed)), deadline)).catch((thrown: unknown) => {
      this.#fail(MillraceError.from(thrown), Date.now());
      throw thrown;
    });
    this.#plan = plan;
    this.#overrides = overrides;
    // From here on the job has its new shape: an attempt that fails is a matter of its restart.
    await this.#start({ number: cut, state }, kept).catch((thrown: unknown) => {
      if (this.#state !== 'restarting') throw thrown;
    });
  }

  /** The next attempt, from a cut or from the beginning. */
  async #start(point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): Promise<void> {
    this.#statistics.keep(this.metrics());
    this.#attempts++;
    this.#attempt = this.#deploy(point, kept);
    await this.#unlessBroken(this.#attempt.whenRunning);
  }

  #resumed(): void {
    this.#state = this.#drainAsked ? 'draining' : 'running';
    if (this.#drainAsked) this.#postDrain();
    this.#finishIfAllEnded();
  }

  #postDrain(): void {
    for (const handle of this.#attempt.handles) handle.post({ type: 'drain' });
  }

  #deploy(point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): JobAttempt {
    const request: DeploymentRequest = {
      job: this.#jobTask(),
      plan: this.#plan,
      attempt: this.#attempts,
      restored: point?.state,
      kept,
      scopeOf: (role) => this.#policy.scopeOf(role),
      onMessage: (handle, message) => this.#receive(handle, message),
      onLost: (handle, error) => this.#lost(handle, error),
    };
    const attempt = new JobAttempt(this.#hosts, request, this.#checkpoints.lastCut);
    attempt.watchStart(this.#options.startTimeoutMs, (error) => this.#attempt === attempt && this.#fail(error, Date.now()));
    return attempt;
  }

  #jobTask(): JobTask {
    const { id, name, bundle, params, parallelism, keyGroups } = this.#submission;
    return {
      ...{ id, name, params, parallelism, keyGroups },
      bundle,
      overrides: this.#overrides,
      fingerprint: this.#plan.fingerprint,
      description: describeGraph(this.#plan),
      options: this.#options,
    };
  }

  #receive(handle: SubtaskHandle, message: FromSubtask): void {
    if (message.type === 'log') this.#submission.log(message.record);
    else if (message.type === 'report') this.#report(handle, message);
    // What a closed attempt still says is not about this one.
    else if (this.#attempt.handles.includes(handle) && !this.#nodes.isLeaving(handle)) this.#heard(handle, message);
  }

  #heard(handle: SubtaskHandle, message: Exclude<FromSubtask, { type: 'log' | 'report' }>): void {
    switch (message.type) {
      case 'running':
        if (this.#attempt.opened(handle)) this.#allRunning();
        return;
      case 'snapshot':
        this.#checkpoints.answered(handle, message.cut, message.state);
        return;
      case 'declined':
        this.#checkpoints.declined(message.cut, message.error);
        return;
      case 'ended':
        handle.ended = message.state;
        this.#checkpoints.ended();
        this.#finishIfAllEnded();
        return;
      case 'failed':
        this.#failed(handle, message.error, message.atMs);
        return;
      case 'publish':
        this.#attempt.deployment.board.publish(message.key, message.value);
        return;
      case 'lookup':
        this.#attempt.deployment.board.lookup(message.key, (value) => handle.post({ type: 'found', request: message.request, value }));
        return;
      case 'closed':
      case 'metric':
    }
  }

  #report(handle: SubtaskHandle, { uid, channel, value }: Extract<FromSubtask, { type: 'report' }>): void {
    try {
      this.#submission.onReport?.({ uid, subtask: handle.index, attempt: handle.attempt, channel, value });
    } catch (thrown) {
      this.#fail(MillraceError.from(thrown, 'USER_FUNCTION', `onReport of job ${this.name}`), Date.now());
    }
  }

  #allRunning(): void {
    this.#hasRun = true;
    if (this.#state === 'starting') this.#state = 'running';
    if (this.#drainAsked) this.#postDrain();
  }

  #lost(handle: SubtaskHandle, error: MillraceError): void {
    if (!this.#attempt.handles.includes(handle)) return;
    if (this.#nodes.replace(this.#attempt, handle, error)) this.#lastFailure = error;
    else {
      handle.ended = undefined;
      this.#fail(error, Date.now(), handle);
    }
  }

  #failed(handle: SubtaskHandle, failure: EncodedError, atMs: number): void {
    const error = decodeError(failure);
    if (this.#nodes.replace(this.#attempt, handle, error)) this.#lastFailure = error;
    else this.#fail(error, atMs, handle);
  }

  #fail(failure: MillraceError | EncodedError, atMs: number, handle?: SubtaskHandle): void {
    const cause = this.#attempt.fail(failure, atMs, handle?.vertex.operators[0]?.role);
    this.#lastFailure = cause;
    if (this.#ending) return;
    // What cannot open at the first start has lost nothing, and is for the person who started it, unless it is mere bad luck.
    const hasRun = this.#hasRun || handle?.running === true || cause.retryable;
    if (!hasRun || !this.#policy.restarts) void this.#tearDown('failed');
    else if (this.#state !== 'restarting') {
      this.#state = 'restarting';
      this.#checkpoints.abandon(new MillraceError('CUT_FAILED', `job ${this.name} restarts`, { details: { abandoned: true } }));
      this.#attempt.over();
      void this.#change(() => this.#restarts.restart(this.#restartable()));
    }
  }

  #nodeRestarting(): NodeRestartingJob {
    return {
      isRunning: (attempt) => this.#attempt === attempt && !this.#ending && ['starting', 'running', 'draining'].includes(this.#state),
      nextAttempt: () => ++this.#attempts,
      abandonCut: () => this.#checkpoints.abandon(new MillraceError('CUT_FAILED', `a node of job ${this.name} restarts`, { details: { abandoned: true } })),
      succession: ({ cutsBefore }) => {
        const decided = this.#checkpoints.lastCut;
        return { decided, barrier: decided > cutsBefore ? decided : 0 };
      },
      state: () => this.#checkpoints.point?.state,
      keep: (samples) => this.#statistics.keep(samples),
      fail: (error, handle) => this.#fail(error, Date.now(), handle),
    };
  }

  #restartable(): RestartableJob {
    return {
      isEnding: () => this.#ending,
      attempt: () => this.#attempt,
      point: () => this.#checkpoints.point,
      whenBroken: this.#broken.promise,
      start: (from) => this.#start(from, []),
      resumed: () => this.#state === 'restarting' && this.#resumed(),
      giveUp: async (error) => {
        this.#lastFailure = error;
        await this.#tearDown('failed');
      },
    };
  }

  #finishIfAllEnded(): void {
    const { handles } = this.#attempt;
    const isBusy = this.#ending || this.#state === 'rescaling' || this.#state === 'restarting';
    if (isBusy || !handles.every((handle) => handle.ended !== undefined)) return;
    this.#change(() => this.#finish(handles)).catch(() => undefined);
  }

  /** The last cut is there: everybody commits, then closes by itself. */
  async #finish(handles: readonly SubtaskHandle[]): Promise<void> {
    if (this.#ending || this.#attempt.handles !== handles || !handles.every((handle) => handle.ended !== undefined)) return;
    try {
      await this.#checkpoints.final(this.#plan, mergeStates(handles.map((handle) => handle.ended ?? {})));
    } catch (thrown) {
      // Committed output that no checkpoint knows of would be written again by a run that restores.
      this.#fail(MillraceError.from(thrown), Date.now());
      return;
    }
    for (const handle of handles) handle.post({ type: 'complete', cut: finalCut });
    await this.#unlessBroken(Promise.all(handles.map((handle) => handle.whenClosed))).catch(() => undefined);
    if (!this.#ending && this.#state !== 'restarting') await this.#tearDown('finished');
  }

  /** Ends whatever still runs, at once or by force; nothing of the job remains. */
  async #tearDown(state: EndState): Promise<void> {
    this.#ending = true;
    this.#schedule.stop();
    const stopped = new MillraceError('CUT_FAILED', `job ${this.name} has ${state === 'finished' ? 'finished' : `been ${state}`}`, {
      details: { abandoned: true },
    });
    this.#broken.reject(stopped);
    this.#attempt.over();
    this.#checkpoints.abandon(stopped);
    const { handles } = this.#attempt;
    for (const handle of handles) handle.post({ type: 'close' });
    const closed = Promise.all(handles.map((handle) => handle.whenClosed));
    await withDeadline(closed, { ms: this.#options.cancelTimeoutMs, what: `closing job ${this.name}` }).catch(() => undefined);
    this.#statistics.stop(this.metrics());
    await this.#hosts.destroy();
    await Promise.all(handles.map((handle) => handle.whenClosed));
    // A failure while a finished job closes is a failure still: a sink may not have committed.
    const failure = state === 'failed' ? this.#lastFailure : this.#attempt.failure.cause;
    this.#state = failure !== undefined && state !== 'cancelled' ? 'failed' : state;
    if (this.#state === 'failed') this.#end.reject(failure);
    else this.#end.resolve(this.#summary(state as JobSummary['state']));
  }

  #summary(state: JobSummary['state']): JobSummary {
    return {
      ...{ id: this.id, name: this.name, state, durationMs: Date.now() - this.#startedAtMs },
      operators: this.#statistics.operators(this.#plan),
      checkpoints: this.#checkpoints.status,
      restarts: this.#restarts.count,
      nodeRestarts: this.#nodes.count,
    };
  }
}
