import { MillraceError } from '../../core/index.js';
import type { ReadResult, Snapshot, SourceSubtask, StateChunk, Subtask, SubtaskContext } from '../../stream/subtask.js';
import { nodeSnapshot } from './node-snapshot.js';
import type { NodeHost, RoleService } from './role-service.js';

/** Makes the host of a node out of its subtask's context. */
export type HostOf = (context: SubtaskContext) => NodeHost;

/** How often a waiting source is asked anyway. */
const idleReadMs = 1_000;

/** A service behind a control edge (parameter server): barriers and the end of its feeders, no records. */
export class ServiceSubtask implements Subtask {
  #service: RoleService | undefined;

  constructor(
    private readonly hostOf: HostOf,
    private readonly create: (host: NodeHost) => Promise<RoleService>,
  ) {}

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    this.#service = await this.create(this.hostOf(context));
    await this.#service.open(restored.map(({ bytes }) => bytes));
  }

  process(): void {
    throw new MillraceError('PROTOCOL', 'a control edge carries no records');
  }

  async endOfInput(): Promise<void> {
    await this.#service?.inputEnded?.();
  }

  freeze(cut: number): Snapshot {
    return nodeSnapshot(this.#service?.freeze(cut) ?? []);
  }

  complete(cut: number): void {
    this.#service?.decide?.(cut);
  }

  abort(cut: number): void {
    this.#service?.decide?.(cut);
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}

/** A service without input (application manager): a source that emits nothing and ends when the service has finished. */
export class ServiceSource implements SourceSubtask {
  #service: RoleService | undefined;
  #hasFinished = false;

  constructor(
    private readonly hostOf: HostOf,
    private readonly create: (host: NodeHost) => Promise<RoleService>,
  ) {}

  async open(context: SubtaskContext, restored: readonly StateChunk[]): Promise<void> {
    this.#service = await this.create(this.hostOf(context));
    await this.#service.open(restored.map(({ bytes }) => bytes));
    this.#service.finished?.then(
      () => {
        this.#hasFinished = true;
        context.wake();
      },
      (thrown: unknown) => context.fail(thrown),
    );
  }

  read(): ReadResult {
    return this.#hasFinished ? { next: 'end' } : { next: 'wait', afterMs: idleReadMs };
  }

  freeze(cut: number): Snapshot {
    return nodeSnapshot(this.#service?.freeze(cut) ?? []);
  }

  complete(cut: number): void {
    this.#service?.decide?.(cut);
  }

  abort(cut: number): void {
    this.#service?.decide?.(cut);
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}
