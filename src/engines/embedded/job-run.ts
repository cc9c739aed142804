import { createLogger, deferred, MillraceError, sleep, systemClock, withDeadline, type Logger } from '../../core/index.js';
import type { MetricSample } from '../../core/metrics.js';
import type { CheckpointInfo, CheckpointKind } from '../../stream/checkpoint.js';
import type { JobState as RunState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { describeGraph, planJob } from '../../stream/planner/index.js';
import { finalCut } from '../../stream/subtask.js';
import { Checkpointing, type RecoveryPoint, type TakenCut } from './checkpointing.js';
import { closeSubtasks } from './close-subtasks.js';
import { Deployment, keptSubtasks } from './deployment.js';
import { FirstCause } from '../runtime/first-cause.js';
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
  readonly #policy: RestartPolicy;
  readonly #end = deferred<JobSummary>();
  /** Rejects when the job begins to end otherwise than by itself. */
  readonly #broken = deferred<never>();
  readonly #startedAtMs = Date.now();
  #state: RunState = 'starting';
  #plan: JobGraph;
  #overrides: Readonly<Record<string, number>>;
  #deployment: Deployment;
  #attempt = 0;
  /** Failures of the deployment that runs now. */
  #failures = new FirstCause();
  #lastFailure: MillraceError | undefined;
  /** Rejects at the first of them. */
  #attemptFailed = unheard<never>();
  #changing: Promise<void> = Promise.resolve();
  #drainAsked = false;
  #ending = false;
  #hasRun = false;
  #whenRunning = deferred();
  #checkpointTimer: NodeJS.Timeout | undefined;

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
    const keepsState = this.#policy.restarts;
    this.#checkpoints = new Checkpointing(submission, restored, { cutTimeoutMs: options.cutTimeoutMs, keepsState, log: this.#log });
    this.#deployment = this.#deploy(this.#checkpoints.point, []);
    this.#checkpoints.started();
    this.#statistics = new JobStatistics(() => this.metrics());
    this.#watchStart();
    this.#scheduleCheckpoint(submission.checkpoints?.everyMs);
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
      attempt: this.#attempt,
      operators: this.#statistics.operators(this.#plan, (vertex) => this.#deployment.pids(vertex)),
      checkpoints: this.#checkpoints.status,
      restarts: this.#policy.count,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [
      ...this.#deployment.handles.flatMap((handle) => handle.metrics(labels)),
      ...this.#deployment.channelMetrics(labels),
      ...this.#checkpoints.metrics(labels),
      { name: 'millrace_restarts_total', help: 'Restarts in place after failures.', type: 'counter', labels, value: this.#policy.count },
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
      const { handles } = this.#deployment;
      await this.#take('savepoint', { stop: true, target });
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
    return Promise.race([work, this.#broken.promise, this.#attemptFailed.promise]);
  }

  async #take(kind: CheckpointKind | undefined, { stop, target }: { readonly stop: boolean; readonly target?: string | undefined }): Promise<TakenCut> {
    if (kind !== undefined && this.#submission.checkpoints?.store === undefined)
      throw new MillraceError('UNSUPPORTED', `job ${this.name} has no place for a ${kind}: it was submitted without a checkpoint store`);
    await this.#untilRunning();
    const { handles } = this.#deployment;
    if (handles.every((handle) => handle.ended !== undefined)) throw this.#refusal('its input has ended, the last cut is being taken');
    // Also where something fails meanwhile: a restart must know whether this cut became durable.
    return this.#checkpoints.take({ handles, plan: this.#plan, stop, ...(kind === undefined ? {} : { kind }), ...(target === undefined ? {} : { target }) });
  }

  async #untilRunning(): Promise<void> {
    await this.#unlessBroken(this.#whenRunning.promise);
    if (this.#ending || (this.#state !== 'running' && this.#state !== 'draining')) throw this.#refusal(`it is ${this.#state}`);
  }

  #refusal(why: string): MillraceError {
    return new MillraceError('CUT_FAILED', `job ${this.name}: no cut now, ${why}`, { details: { abandoned: true, state: this.#state } });
  }

  #scheduleCheckpoint(everyMs: number | undefined, delayMs = everyMs): void {
    if (everyMs === undefined || this.#ending) return;
    this.#checkpointTimer = setTimeout(() => void this.#checkpoint(everyMs), delayMs).unref();
  }

  async #checkpoint(everyMs: number): Promise<void> {
    const startedMs = performance.now();
    // Failures are counted and logged where they happen; a job that restarts or ends has none.
    await this.#change(() => this.#take(this.#checkpoints.isDurable ? 'checkpoint' : undefined, { stop: false })).catch(() => undefined);
    this.#scheduleCheckpoint(everyMs, Math.max(everyMs - (performance.now() - startedMs), 0));
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
    const old = this.#deployment.handles;
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
    this.#attempt++;
    this.#whenRunning = deferred();
    this.#failures = new FirstCause();
    this.#attemptFailed = unheard();
    this.#deployment = this.#deploy(point, kept);
    this.#watchStart();
    await this.#unlessBroken(this.#whenRunning.promise);
  }

  #resumed(): void {
    this.#state = this.#drainAsked ? 'draining' : 'running';
    if (this.#drainAsked) this.#postDrain();
    this.#finishIfAllEnded();
  }

  #postDrain(): void {
    for (const handle of this.#deployment.handles) handle.post({ type: 'drain' });
  }

  #deploy(point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): Deployment {
    return new Deployment(this.#hosts, {
      job: this.#jobTask(),
      plan: this.#plan,
      attempt: this.#attempt,
      restored: point?.state,
      kept,
      onMessage: (handle, message) => this.#receive(handle, message),
      onLost: (handle, error) => this.#lost(handle, error),
    });
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

  #watchStart(): void {
    const { startTimeoutMs } = this.#options;
    const deployment = this.#deployment;
    const cancel = systemClock.after(startTimeoutMs, () => {
      if (this.#deployment !== deployment) return;
      const late = deployment.handles.filter((handle) => !handle.running).map(({ name }) => name);
      this.#fail(
        new MillraceError(
          'DEADLINE_EXCEEDED',
          `job ${this.name}: not opened within ${startTimeoutMs} ms: ${late.join(', ')}; raise the engine's startTimeoutMs if they need longer`,
        ),
        Date.now(),
      );
    });
    void this.#whenRunning.promise.then(cancel);
  }

  #receive(handle: SubtaskHandle, message: FromSubtask): void {
    if (message.type === 'log') this.#submission.log(message.record);
    else if (message.type === 'report') this.#report(handle, message);
    // What a closed attempt still says is not about this one.
    else if (this.#deployment.handles.includes(handle)) this.#heard(handle, message);
  }

  #heard(handle: SubtaskHandle, message: Exclude<FromSubtask, { type: 'log' | 'report' }>): void {
    switch (message.type) {
      case 'running':
        handle.running = true;
        if (this.#deployment.handles.every((other) => other.running)) this.#allRunning();
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
        this.#fail(message.error, message.atMs, handle);
        return;
      case 'publish':
        this.#deployment.board.publish(message.key, message.value);
        return;
      case 'lookup':
        this.#deployment.board.lookup(message.key, (value) => handle.post({ type: 'found', request: message.request, value }));
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
    this.#whenRunning.resolve();
    if (this.#drainAsked) this.#postDrain();
  }

  #lost(handle: SubtaskHandle, error: MillraceError): void {
    if (!this.#deployment.handles.includes(handle)) return;
    handle.ended = undefined;
    this.#fail(error, Date.now(), handle);
  }

  #fail(failure: Parameters<FirstCause['add']>[0], atMs: number, handle?: SubtaskHandle): void {
    this.#failures.add(failure, atMs, handle?.vertex.operators[0]?.role);
    const cause = this.#failures.cause as MillraceError;
    this.#lastFailure = cause;
    if (this.#ending) return;
    this.#attemptFailed.reject(cause);
    // What cannot open at the first start has lost nothing, and is for the person who started it, unless it is mere bad luck.
    const hasRun = this.#hasRun || handle?.running === true || cause.retryable;
    if (!hasRun || !this.#policy.restarts) void this.#tearDown('failed');
    else if (this.#state !== 'restarting') {
      this.#state = 'restarting';
      this.#checkpoints.abandon(new MillraceError('CUT_FAILED', `job ${this.name} restarts`, { details: { abandoned: true } }));
      this.#whenRunning.resolve();
      // Idle threads and waiting timers do not keep a process alive; a job that will go on does.
      const alive = setInterval(() => undefined, 60_000);
      void this.#change(() => this.#restart()).finally(() => clearInterval(alive));
    }
  }

  /** Again and again from the last cut, until an attempt runs or the strategy gives up. */
  async #restart(): Promise<void> {
    while (!this.#ending) {
      const killed = await closeSubtasks(this.#deployment.handles, this.#options.cancelTimeoutMs);
      if (this.#ending) return;
      const { cause, role } = this.#failures;
      const decision = this.#policy.decide(cause as MillraceError, role, Date.now());
      if (!decision.restart) {
        this.#lastFailure = decision.error;
        await this.#tearDown('failed');
        return;
      }
      const point = this.#checkpoints.point;
      this.#log.warn(
        `job restarts ${point === undefined ? 'from the beginning' : `from cut ${point.number}`} in ${decision.delayMs} ms: ${(cause as MillraceError).message}`,
        {
          ...{ code: (cause as MillraceError).code, restarts: this.#policy.count },
          ...(killed.length === 0 ? {} : { killed }),
        },
      );
      await Promise.race([sleep(systemClock, decision.delayMs), this.#broken.promise]).catch(() => undefined);
      if (this.#ending) return;
      try {
        await this.#start(point, []);
        if (this.#state === 'restarting') this.#resumed();
        return;
      } catch {
        // The next failure: counted, like the first.
      }
    }
  }

  #finishIfAllEnded(): void {
    const { handles } = this.#deployment;
    const isBusy = this.#ending || this.#state === 'rescaling' || this.#state === 'restarting';
    if (isBusy || !handles.every((handle) => handle.ended !== undefined)) return;
    this.#change(() => this.#finish(handles)).catch(() => undefined);
  }

  /** The last cut is there: everybody commits, then closes by itself. */
  async #finish(handles: readonly SubtaskHandle[]): Promise<void> {
    if (this.#ending || this.#deployment.handles !== handles || !handles.every((handle) => handle.ended !== undefined)) return;
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
    clearTimeout(this.#checkpointTimer);
    const stopped = new MillraceError('CUT_FAILED', `job ${this.name} has ${state === 'finished' ? 'finished' : `been ${state}`}`, {
      details: { abandoned: true },
    });
    this.#broken.reject(stopped);
    this.#whenRunning.resolve();
    this.#checkpoints.abandon(stopped);
    const { handles } = this.#deployment;
    for (const handle of handles) handle.post({ type: 'close' });
    const closed = Promise.all(handles.map((handle) => handle.whenClosed));
    await withDeadline(closed, { ms: this.#options.cancelTimeoutMs, what: `closing job ${this.name}` }).catch(() => undefined);
    this.#statistics.stop(this.metrics());
    await this.#hosts.destroy();
    await Promise.all(handles.map((handle) => handle.whenClosed));
    // A failure while a finished job closes is a failure still: a sink may not have committed.
    const failure = state === 'failed' ? this.#lastFailure : this.#failures.cause;
    this.#state = failure !== undefined && state !== 'cancelled' ? 'failed' : state;
    if (this.#state === 'failed') this.#end.reject(failure);
    else this.#end.resolve(this.#summary(state as JobSummary['state']));
  }

  #summary(state: JobSummary['state']): JobSummary {
    return {
      ...{ id: this.id, name: this.name, state, durationMs: Date.now() - this.#startedAtMs },
      operators: this.#statistics.operators(this.#plan),
      checkpoints: this.#checkpoints.status,
      restarts: this.#policy.count,
    };
  }
}

/** A deferred whose rejection nobody has to hear. */
function unheard<T>(): ReturnType<typeof deferred<T>> {
  const it = deferred<T>();
  it.promise.catch(() => undefined);
  return it;
}
