import { deferred, MillraceError, systemClock, withDeadline, type Deferred, type EncodedError } from '../../core/index.js';
import { Deployment, type DeploymentRequest } from './deployment.js';
import { FirstCause } from '../runtime/first-cause.js';
import type { SubtaskHandle } from './subtask-handle.js';
import type { SubtaskHosts } from './subtask-host.js';

/** One attempt of a region of a job: what is deployed, whether all of it runs, and what it failed with first. */
export class JobAttempt {
  readonly deployment: Deployment;
  /** What it failed with first, and the role of the node that did. */
  readonly failures = new FirstCause();
  readonly #job: string;
  readonly #running = deferred();
  readonly #failed = deferred<never>();
  readonly #over = deferred();
  readonly #opening = new Map<SubtaskHandle, Deferred<void>>();
  #isOpen = false;

  /** @param cutsBefore number of the newest cut that it knows nothing of */
  constructor(
    hosts: SubtaskHosts,
    request: DeploymentRequest,
    readonly cutsBefore: number,
  ) {
    // Nobody has to listen.
    this.#failed.promise.catch(() => undefined);
    this.#job = request.job.name;
    this.deployment = new Deployment(hosts, request);
  }

  get handles(): readonly SubtaskHandle[] {
    return this.deployment.handles;
  }

  /** Every subtask has opened once. */
  get isOpen(): boolean {
    return this.#isOpen;
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
    this.#opening.get(handle)?.resolve();
    if (!this.handles.every((other) => other.running)) return false;
    this.#isOpen = true;
    this.#running.resolve();
    return true;
  }

  /** Resolves when the attempt has failed, or the job ends. */
  get whenOver(): Promise<void> {
    return this.#over.promise;
  }

  /** Waits for a successor to open, or for the end of the attempt. @throws DEADLINE_EXCEEDED */
  async untilOpened(handle: SubtaskHandle, limitMs: number): Promise<void> {
    const opened = deferred();
    this.#opening.set(handle, opened);
    const either = Promise.race([opened.promise, this.whenOver]);
    await withDeadline(either, { ms: limitMs, what: `${handle.name}: opening its successor` }).finally(() => this.#opening.delete(handle));
  }

  /** Nobody waits for this subtask any more: it has a successor. */
  gaveUp(handle: SubtaskHandle): void {
    this.#opening.get(handle)?.resolve();
  }

  /** @returns the first cause so far */
  fail(failure: MillraceError | EncodedError, atMs: number, role: string | undefined): MillraceError {
    this.failures.add(failure, atMs, role);
    const cause = this.failures.cause as MillraceError;
    this.#failed.reject(cause);
    this.#over.resolve();
    return cause;
  }

  /** Whoever waits for it, or for a node of it, to run goes on. */
  over(): void {
    this.#running.resolve();
    this.#over.resolve();
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
