import { sleep, systemClock, type Logger, type MillraceError } from '../../core/index.js';
import type { RecoveryPoint } from './checkpointing.js';
import { closeSubtasks } from './close-subtasks.js';
import type { JobAttempt } from './job-attempt.js';
import type { RestartPolicy } from './restart-policy.js';

/** What a restart needs of its job. */
export interface RestartableJob {
  isEnding(): boolean;
  attempt(): JobAttempt;
  /** The last complete cut; undefined: the beginning. */
  point(): RecoveryPoint | undefined;
  /** Rejects when the job begins to end. */
  readonly whenBroken: Promise<never>;
  /** Starts the next attempt and waits until it runs. */
  start(point: RecoveryPoint | undefined): Promise<void>;
  resumed(): unknown;
  giveUp(error: MillraceError): Promise<void>;
}

/** Restarts of a whole job, in place: everything closes, the strategy decides, everything starts from the last cut. */
export class JobRestarts {
  readonly #policy: RestartPolicy;
  readonly #cancelTimeoutMs: number;
  readonly #log: Logger;
  #count = 0;

  constructor(policy: RestartPolicy, cancelTimeoutMs: number, log: Logger) {
    this.#policy = policy;
    this.#cancelTimeoutMs = cancelTimeoutMs;
    this.#log = log;
  }

  /** So far. */
  get count(): number {
    return this.#count;
  }

  /** Again and again from the last cut, until an attempt runs or the strategy gives up. */
  async restart(job: RestartableJob): Promise<void> {
    // Idle threads and waiting timers do not keep a process alive; a job that will go on does.
    const alive = setInterval(() => undefined, 60_000);
    try {
      while (!job.isEnding() && !(await this.#tried(job)));
    } finally {
      clearInterval(alive);
    }
  }

  /** @returns false where it failed, and is to be tried again */
  async #tried(job: RestartableJob): Promise<boolean> {
    const killed = await closeSubtasks(job.attempt().handles, this.#cancelTimeoutMs);
    if (job.isEnding()) return true;
    const { cause, role } = job.attempt().failure as { cause: MillraceError; role: string | undefined };
    const decision = this.#policy.decide(cause, role, Date.now());
    if (!decision.restart) {
      await job.giveUp(decision.error);
      return true;
    }
    this.#count++;
    const point = job.point();
    this.#log.warn(`job restarts ${point === undefined ? 'from the beginning' : `from cut ${point.number}`} in ${decision.delayMs} ms: ${cause.message}`, {
      ...{ code: cause.code, restarts: this.#count },
      ...(killed.length === 0 ? {} : { killed }),
    });
    await Promise.race([sleep(systemClock, decision.delayMs), job.whenBroken]).catch(() => undefined);
    if (job.isEnding()) return true;
    try {
      await job.start(point);
      job.resumed();
      return true;
    } catch {
      // The next failure: counted, like the first.
      return false;
    }
  }
}
