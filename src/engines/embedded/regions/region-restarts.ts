import { MillraceError, sleep, systemClock, type Logger } from '../../../core/index.js';
import { FirstCause } from '../../runtime/first-cause.js';
import type { RecoveryPoint } from '../checkpointing.js';
import { closeSubtasks } from '../close-subtasks.js';
import type { RestartPolicy } from '../restart-policy.js';
import type { RegionRun } from './region-run.js';

/** What a restart needs of its job. */
export interface RestartingJob {
  isEnding(): boolean;
  isWhole(regions: readonly RegionRun[]): boolean;
  /** Settles when the change of the whole job that is under way has ended: a cut may become durable yet. */
  untilUnchanged(): Promise<unknown>;
  /** The last complete cut; undefined: the beginning. */
  point(): RecoveryPoint | undefined;
  /** Rejects when the job begins to end. */
  readonly whenBroken: Promise<never>;
  /** Starts the next attempt of these regions and waits until it runs. */
  start(regions: readonly RegionRun[], point: RecoveryPoint | undefined): Promise<void>;
  resumed(): void;
  giveUp(error: MillraceError): Promise<void>;
}

/**
 * Restarts of regions in place, while the others run on: all of a region closes, the strategy decides, all of it starts from
 * its part of the last cut. A job of one region, and a failure that is nobody's own, restart as a whole.
 *
 * ```
 * failed ──► cut in progress aborted ──► change under way ended ──► closed, by force after cancelTimeoutMs
 *                                                                                  │
 *            running ◄── opened ◄── deployed from the last complete cut ◄── delay ◄┴─► strategy gives up: the job fails
 *                           └── fails before ──► closed, …
 * ```
 */
export class RegionRestarts {
  readonly #job: RestartingJob;
  readonly #policy: RestartPolicy;
  readonly #cancelTimeoutMs: number;
  readonly #log: Logger;
  readonly #underWay = new Set<Promise<void>>();
  #count = 0;

  constructor(job: RestartingJob, policy: RestartPolicy, cancelTimeoutMs: number, log: Logger) {
    this.#job = job;
    this.#policy = policy;
    this.#cancelTimeoutMs = cancelTimeoutMs;
    this.#log = log;
  }

  /** So far, of the whole job and of regions. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when no region restarts any more, because all run or the job ends. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Begins to restart regions together, none of which restarts already. */
  begin(regions: readonly RegionRun[]): void {
    for (const region of regions) region.isRestarting = true;
    const work = this.#restart(regions)
      .catch((thrown: unknown) => this.#job.giveUp(MillraceError.from(thrown)))
      .finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }

  /** Again and again from the last cut, until an attempt runs or the strategy gives up. */
  async #restart(regions: readonly RegionRun[]): Promise<void> {
    // Idle threads and waiting timers do not keep a process alive; a job that will go on does.
    const alive = setInterval(() => undefined, 60_000);
    try {
      while (!this.#job.isEnding() && !(await this.#tried(regions)));
    } finally {
      clearInterval(alive);
    }
  }

  /** @returns false where it failed, and is to be tried again */
  async #tried(regions: readonly RegionRun[]): Promise<boolean> {
    const job = this.#job;
    await job.untilUnchanged();
    const handles = regions.flatMap((region) => region.handles);
    const killed = await closeSubtasks(handles, this.#cancelTimeoutMs);
    if (job.isEnding()) return true;
    const { cause, role } = firstCause(regions);
    const nowMs = Date.now();
    const decision = this.#policy.joined(cause, role, nowMs) ?? this.#policy.decide(cause, role, nowMs);
    if (!decision.restart) {
      await job.giveUp(decision.error);
      return true;
    }
    this.#count++;
    for (const region of regions) region.restarts++;
    const point = job.point();
    this.#warn(regions, point, decision.delayMs, cause, killed);
    await Promise.race([sleep(systemClock, decision.delayMs), job.whenBroken]).catch(() => undefined);
    if (job.isEnding()) return true;
    try {
      await job.start(regions, point);
    } catch {
      // The next failure: counted, like the first.
      return job.isEnding();
    }
    for (const region of regions) region.isRestarting = false;
    job.resumed();
    return true;
  }

  #warn(regions: readonly RegionRun[], point: RecoveryPoint | undefined, delayMs: number, cause: MillraceError, killed: readonly string[]): void {
    const names = regions.map(({ name }) => name);
    const isWhole = this.#job.isWhole(regions);
    const what = isWhole ? 'job' : `region '${names.join("', '")}'`;
    const from = point === undefined ? 'from the beginning' : `from cut ${point.number}`;
    this.#log.warn(`${what} restarts ${from} in ${delayMs} ms: ${cause.message}`, {
      ...{ code: cause.code, restarts: this.#count },
      ...(isWhole ? {} : { region: names.join(', ') }),
      ...(killed.length === 0 ? {} : { killed }),
    });
  }
}

function firstCause(regions: readonly RegionRun[]): { readonly cause: MillraceError; readonly role: string | undefined } {
  const first = new FirstCause();
  for (const { attempt } of regions) first.merge(attempt.failures);
  return first as { cause: MillraceError; role: string | undefined };
}
