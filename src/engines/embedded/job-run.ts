import { deferred, MillraceError, systemClock, withDeadline } from '../../core/index.js';
import type { MetricSample } from '../../core/metrics.js';
import type { JobState as RunState, JobStatus, JobSubmission, JobSummary, RunningJob } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { describeGraph, planJob } from '../../stream/planner/index.js';
import { finalCut } from '../../stream/subtask.js';
import { CutCoordinator } from './cut-coordinator.js';
import { Deployment, keptSubtasks } from './deployment.js';
import { FirstCause } from './first-cause.js';
import { JobStatistics } from './job-statistics.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';
import type { FromSubtask, JobTask } from './protocol.js';
import type { JobState } from './restore.js';
import { checkScale, checkSlots } from './scale-checks.js';
import type { SubtaskHandle } from './subtask-handle.js';
import { ThreadPool } from './thread-pool.js';

/**
 * One job from submission to its end.
 *
 * ```
 * starting ──► running ◄──► rescaling          all subtasks ended ──► complete(finalCut) ──► finished
 *                 └──► draining ──────────────────────┘
 *  any of these ──► failed (first cause) │ cancelled
 * ```
 */
export class JobRun implements RunningJob {
  readonly id: string;
  readonly name: string;
  readonly finished: Promise<JobSummary>;
  readonly #submission: JobSubmission;
  readonly #options: ResolvedEmbeddedEngineOptions;
  readonly #pool: ThreadPool;
  readonly #cuts: CutCoordinator;
  readonly #statistics: JobStatistics;
  readonly #firstCause = new FirstCause();
  readonly #end = deferred<JobSummary>();
  /** Rejects when the job begins to end otherwise than by itself. */
  readonly #broken = deferred<never>();
  readonly #startedAtMs = Date.now();
  #state: RunState = 'starting';
  #plan: JobGraph;
  #overrides: Readonly<Record<string, number>>;
  #deployment: Deployment;
  #attempt = 0;
  #changing: Promise<void> = Promise.resolve();
  #drainAsked = false;
  #ending = false;
  #whenRunning = deferred();

  constructor(submission: JobSubmission, plan: JobGraph, options: ResolvedEmbeddedEngineOptions) {
    this.id = submission.id;
    this.name = submission.name;
    this.finished = this.#end.promise;
    // Whoever does not look at `finished` learns of a failure from status(); no crash by an unhandled rejection.
    this.finished.catch(() => undefined);
    this.#broken.promise.catch(() => undefined);
    this.#submission = submission;
    this.#options = options;
    this.#plan = plan;
    this.#overrides = submission.overrides;
    this.#pool = new ThreadPool(options.maxThreads);
    this.#cuts = new CutCoordinator(options.cutTimeoutMs);
    this.#deployment = this.#deploy(undefined, []);
    this.#statistics = new JobStatistics(() => this.metrics());
    this.#watchStart();
  }

  get state(): RunState {
    return this.#state;
  }

  status(): JobStatus {
    const error = this.#firstCause.cause;
    return {
      id: this.id,
      name: this.name,
      state: this.#state,
      startedAtMs: this.#startedAtMs,
      attempt: this.#attempt,
      operators: this.#statistics.operators(this.#plan),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [...this.#deployment.handles.flatMap((handle) => handle.metrics(labels)), ...this.#deployment.channelMetrics(labels)];
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
    const run = this.#changing.then(() => this.#scale(operatorOrRole, parallelism));
    this.#changing = run.catch(() => undefined);
    return run;
  }

  async #scale(operatorOrRole: string, parallelism: number): Promise<void> {
    const override = checkScale(this.#submission.graph, operatorOrRole, parallelism, this.#submission.keyGroups);
    await Promise.race([this.#whenRunning.promise, this.#broken.promise]);
    if (this.#ending || this.#state !== 'running')
      throw new MillraceError('CUT_FAILED', `job ${this.name} is ${this.#state}: only a running job can be scaled`);
    const overrides = { ...this.#overrides, ...override };
    const plan = planJob(this.#submission.graph, { parallelism: this.#submission.parallelism, keyGroups: this.#submission.keyGroups, overrides });
    checkSlots(plan, this.#options.maxThreads);
    this.#state = 'rescaling';
    try {
      await Promise.race([this.#redeploy(plan, overrides), this.#broken.promise]);
    } finally {
      if (this.#state === 'rescaling') this.#resumed();
    }
  }

  async #redeploy(plan: JobGraph, overrides: Readonly<Record<string, number>>): Promise<void> {
    const old = this.#deployment.handles;
    const { cut, state } = await this.#cuts.take(old, true);
    if (this.#ending) return;
    const kept = keptSubtasks(old, plan);
    const leaving = old.filter((handle) => !kept.includes(handle));
    for (const handle of leaving) {
      if (handle.ended === undefined) handle.post({ type: 'complete', cut });
      handle.post({ type: 'close' });
    }
    const deadline = { ms: this.#options.cancelTimeoutMs, what: `redeployment of job ${this.name}: closing ${leaving.map(({ name }) => name).join(', ')}` };
    await withDeadline(Promise.all(leaving.map((handle) => handle.whenClosed)), deadline).catch((thrown: unknown) =>
      this.#fail(MillraceError.from(thrown), Date.now()),
    );
    if (this.#ending) return;
    this.#statistics.keep(this.metrics());
    this.#attempt++;
    this.#plan = plan;
    this.#overrides = overrides;
    this.#whenRunning = deferred();
    this.#deployment = this.#deploy(state, kept);
    this.#watchStart();
    await this.#whenRunning.promise;
  }

  #resumed(): void {
    this.#state = this.#drainAsked ? 'draining' : 'running';
    if (this.#drainAsked) this.#postDrain();
    this.#finishIfAllEnded();
  }

  #postDrain(): void {
    for (const handle of this.#deployment.handles) handle.post({ type: 'drain' });
  }

  #deploy(restored: JobState | undefined, kept: readonly SubtaskHandle[]): Deployment {
    return new Deployment(this.#pool, {
      job: this.#jobTask(),
      plan: this.#plan,
      attempt: this.#attempt,
      restored,
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
    const cancel = systemClock.after(startTimeoutMs, () => {
      const late = this.#deployment.handles.filter((handle) => !handle.running).map(({ name }) => name);
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
    switch (message.type) {
      case 'running':
        handle.running = true;
        if (this.#deployment.handles.every((other) => other.running)) this.#allRunning();
        return;
      case 'snapshot':
        this.#cuts.answered(handle, message.cut, message.state);
        return;
      case 'declined':
        this.#cuts.declined(message.cut, message.error);
        return;
      case 'ended':
        handle.ended = message.state;
        this.#cuts.ended();
        this.#finishIfAllEnded();
        return;
      case 'failed':
        this.#fail(message.error, message.atMs);
        return;
      case 'log':
        this.#submission.log(message.record);
        return;
      case 'report':
        this.#report(handle, message);
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
    if (this.#state === 'starting') this.#state = 'running';
    this.#whenRunning.resolve();
    if (this.#drainAsked) this.#postDrain();
  }

  #lost(handle: SubtaskHandle, error: MillraceError): void {
    this.#fail(error, Date.now());
    handle.ended = undefined;
  }

  #fail(error: Parameters<FirstCause['add']>[0], atMs: number): void {
    this.#firstCause.add(error, atMs);
    if (!this.#ending) void this.#tearDown('failed');
  }

  #finishIfAllEnded(): void {
    const { handles } = this.#deployment;
    if (this.#ending || this.#state === 'rescaling' || !handles.every((handle) => handle.ended !== undefined)) return;
    void this.#finish(handles);
  }

  /** The last cut is there: everybody commits, then closes by itself. */
  async #finish(handles: readonly SubtaskHandle[]): Promise<void> {
    for (const handle of handles) handle.post({ type: 'complete', cut: finalCut });
    await Promise.race([Promise.all(handles.map((handle) => handle.whenClosed)), this.#broken.promise]).catch(() => undefined);
    if (!this.#ending) await this.#tearDown('finished');
  }

  /** Ends whatever still runs, at once or by force; nothing of the job remains. */
  async #tearDown(state: 'finished' | 'failed' | 'cancelled'): Promise<void> {
    this.#ending = true;
    const stopped = new MillraceError('CUT_FAILED', `job ${this.name} has ${state === 'finished' ? 'finished' : `been ${state}`}`);
    this.#broken.reject(stopped);
    this.#whenRunning.resolve();
    this.#cuts.abandon(stopped);
    const { handles } = this.#deployment;
    for (const handle of handles) handle.post({ type: 'close' });
    const closed = Promise.all(handles.map((handle) => handle.whenClosed));
    await withDeadline(closed, { ms: this.#options.cancelTimeoutMs, what: `closing job ${this.name}` }).catch(() => undefined);
    this.#statistics.stop(this.metrics());
    await this.#pool.destroy();
    await Promise.all(handles.map((handle) => handle.whenClosed));
    const cause = this.#firstCause.cause;
    // A failure while a finished job closes is a failure still: a sink may not have committed.
    this.#state = cause !== undefined && state !== 'cancelled' ? 'failed' : state;
    if (this.#state === 'failed') this.#end.reject(cause);
    else this.#end.resolve(this.#summary(state === 'cancelled' ? 'cancelled' : 'finished'));
  }

  #summary(state: JobSummary['state']): JobSummary {
    return { id: this.id, name: this.name, state, durationMs: Date.now() - this.#startedAtMs, operators: this.#statistics.operators(this.#plan) };
  }
}
