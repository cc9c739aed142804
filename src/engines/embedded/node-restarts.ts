import { MillraceError, sleep, systemClock, type Logger, type MetricSample } from '../../core/index.js';
import type { CutState } from '../../stream/checkpoint.js';
import { closeSubtasks } from './close-subtasks.js';
import { echoes } from '../runtime/first-cause.js';
import { unacknowledgedGauge } from '../runtime/held-reader.js';
import type { JobAttempt } from './job-attempt.js';
import type { Succession } from './protocol.js';
import type { RestartPolicy } from './restart-policy.js';
import type { SubtaskHandle } from './subtask-handle.js';

/** What the restart of one node needs of its job. */
export interface NodeRestartingJob {
  /** True while this attempt of a region goes on, and neither ends, nor restarts, nor changes its shape. */
  isRunning(attempt: JobAttempt): boolean;
  /** Number for the next deployment of anything: the lease epoch of a successor. */
  nextAttempt(): number;
  /** Ends the cut that is being taken, if any: what the lost node knew of it is gone. */
  abandonCut(): void;
  succession(attempt: JobAttempt): Succession;
  /** State of the last cut, if there is one. */
  state(): CutState | undefined;
  /** The metrics of the lost node. */
  keep(samples: readonly MetricSample[]): void;
  fail(error: MillraceError, attempt: JobAttempt, handle: SubtaskHandle): void;
}

/**
 * Restarts of one node, while everything else goes on: its successor attaches to the same channels and begins with the first
 * batch that was not acknowledged.
 *
 * ```
 * failed ──► cut in progress aborted ──► closed, by force after cancelTimeoutMs ──► delay ──► successor opens ──► running
 *    │                                                                                              │
 *    └── not replaceable, lost a peer, limit reached ──────► the whole region ◄─── fails before ─────┘
 * ```
 */
export class NodeRestarts {
  readonly #job: NodeRestartingJob;
  readonly #policy: RestartPolicy;
  readonly #limits: { readonly cancelTimeoutMs: number; readonly startTimeoutMs: number };
  readonly #log: Logger;
  /** Nodes that are being replaced: what they still say is not heard. */
  readonly #leaving = new Set<SubtaskHandle>();
  readonly #underWay = new Set<Promise<void>>();
  #count = 0;
  #unacknowledged = 0;

  constructor(job: NodeRestartingJob, policy: RestartPolicy, limits: { readonly cancelTimeoutMs: number; readonly startTimeoutMs: number }, log: Logger) {
    this.#job = job;
    this.#policy = policy;
    this.#limits = limits;
    this.#log = log;
  }

  /** So far. */
  get count(): number {
    return this.#count;
  }

  /** Batches that lost nodes had read and not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  metrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    const counter = (name: string, help: string, value: number): MetricSample => ({ name: `millrace_${name}`, help, type: 'counter', labels, value });
    return [
      counter('node_restarts_total', 'Nodes that were replaced alone after a failure.', this.#count),
      counter('unacknowledged_batches_total', 'Batches that failed nodes had read and not acknowledged.', this.#unacknowledged),
    ];
  }

  isLeaving(handle: SubtaskHandle): boolean {
    return this.#leaving.has(handle);
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  /** Resolves when every successor has opened, or its region has taken over. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** @returns false where the failure is the whole region's */
  replace(attempt: JobAttempt, handle: SubtaskHandle, cause: MillraceError): boolean {
    // Who lost a peer is rarely the one to be replaced; what cannot open will not do so the next time.
    const isOwn = !echoes.has(cause.code) && handle.ended === undefined && (handle.running || cause.code === 'THREAD_LOST');
    if (!isOwn || !this.#job.isRunning(attempt) || !attempt.deployment.canReplace(handle)) return false;
    const decision = this.#policy.decide(cause, handle.vertex.operators[0]?.role, Date.now());
    if (!decision.restart) return false;
    this.#count++;
    this.#leaving.add(handle);
    this.#log.warn(`${handle.name} restarts alone in ${decision.delayMs} ms: ${cause.message}`, { code: cause.code, nodeRestarts: this.#count });
    this.#job.abandonCut();
    attempt.gaveUp(handle);
    attempt.deployment.withdraw(handle);
    const work = this.#succeed(attempt, handle, decision.delayMs)
      .catch((thrown: unknown) => this.#job.fail(MillraceError.from(thrown), attempt, handle))
      .finally(() => {
        this.#underWay.delete(work);
        this.#leaving.delete(handle);
      });
    this.#underWay.add(work);
    return true;
  }

  async #succeed(attempt: JobAttempt, handle: SubtaskHandle, delayMs: number): Promise<void> {
    // Idle threads and waiting timers do not keep a process alive; a job that will go on does.
    const alive = setInterval(() => undefined, 60_000);
    try {
      await closeSubtasks([handle], this.#limits.cancelTimeoutMs);
      await Promise.race([sleep(systemClock, delayMs), attempt.whenOver]);
      if (!this.#job.isRunning(attempt)) return;
      const last = handle.metrics({});
      this.#job.keep(last);
      this.#unacknowledged += last.find(({ name }) => name === `millrace_${unacknowledgedGauge}`)?.value ?? 0;
      const successor = attempt.deployment.replace(handle, this.#job.nextAttempt(), this.#job.succession(attempt), this.#job.state());
      await attempt.untilOpened(successor, this.#limits.startTimeoutMs);
    } finally {
      clearInterval(alive);
    }
  }
}
