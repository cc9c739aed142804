import { deferred, MillraceError, systemClock, type EncodedError } from '../../core/index.js';
import { Deployment, type DeploymentRequest } from './deployment.js';
import { FirstCause } from '../runtime/first-cause.js';
import type { SubtaskHandle } from './subtask-handle.js';
import type { SubtaskHosts } from './subtask-host.js';

/** One attempt of a job: what is deployed, whether all of it runs, and what it failed with first. */
export class JobAttempt {
  readonly deployment: Deployment;
  readonly #job: string;
  readonly #failures = new FirstCause();
  readonly #running = deferred();
  readonly #failed = deferred<never>();

  constructor(hosts: SubtaskHosts, request: DeploymentRequest) {
    // Nobody has to listen.
    this.#failed.promise.catch(() => undefined);
    this.#job = request.job.name;
    this.deployment = new Deployment(hosts, request);
  }

  get handles(): readonly SubtaskHandle[] {
    return this.deployment.handles;
  }

  /** What it failed with first, and the role of the node that did; undefined for other operators. */
  get failure(): { readonly cause: MillraceError | undefined; readonly role: string | undefined } {
    return this.#failures;
  }

  /** Resolves when every subtask has opened, or when nobody needs to wait for that any more. */
  get whenRunning(): Promise<void> {
    return this.#running.promise;
  }

  /** Rejects at the first failure. */
  get whenFailed(): Promise<never> {
    return this.#failed.promise;
  }

  /** A subtask has opened. @returns true where all have */
  opened(handle: SubtaskHandle): boolean {
    handle.running = true;
    if (!this.handles.every((other) => other.running)) return false;
    this.#running.resolve();
    return true;
  }

  /** @returns the first cause so far */
  fail(failure: MillraceError | EncodedError, atMs: number, role: string | undefined): MillraceError {
    this.#failures.add(failure, atMs, role);
    const cause = this.#failures.cause as MillraceError;
    this.#failed.reject(cause);
    return cause;
  }

  /** Whoever waits for it to run goes on. */
  over(): void {
    this.#running.resolve();
  }

  /** Says what has not opened within `limitMs`. */
  watchStart(limitMs: number, late: (error: MillraceError) => void): void {
    const cancel = systemClock.after(limitMs, () => {
      const names = this.handles.filter((handle) => !handle.running).map(({ name }) => name);
      late(
        new MillraceError(
          'DEADLINE_EXCEEDED',
          `job ${this.#job}: not opened within ${limitMs} ms: ${names.join(', ')}; raise the engine's startTimeoutMs if they need longer`,
        ),
      );
    });
    void this.whenRunning.then(cancel);
  }
}
