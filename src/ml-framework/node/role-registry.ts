import { MillraceError } from '../../core/index.js';
import type { OptimizerSpec } from '../../tensorflow/model/trainable.js';
import type { TrainableModel } from '../../tensorflow/model/trainable.js';
import type { ShardLink, ShardLinkEvents } from '../parameters/messages.js';
import type { NodeEntry } from './node-context.js';
import type { NodeHost, RoleService } from './role-service.js';
import type { TrainingEntryOptions } from './training-entry-options.js';

/** A shard inside the only worker's own thread: training without parameter servers. */
export interface LocalShard {
  connect(events: ShardLinkEvents): ShardLink;
  freeze(cut: number): Iterable<Uint8Array>;
  decide(cut: number): void;
}

export interface LocalShardOptions {
  readonly optimizer: OptimizerSpec;
  readonly gradients: 'mean' | 'sum';
  readonly epoch: number;
}

/**
 * What the roles bring to the framework. Roles import the framework, never the other way: src/roles/index.js hands their
 * parts over, and the package's entry loads it. Asynchronous, so that a role is loaded where it runs only.
 */
export interface RoleParts {
  createAm(host: NodeHost): Promise<RoleService>;
  createPs(host: NodeHost, optimizer: OptimizerSpec): Promise<RoleService>;
  createLocalShard(options: LocalShardOptions, restored: readonly Uint8Array[]): Promise<LocalShard>;
  trainingEntry(model: TrainableModel, options: TrainingEntryOptions): NodeEntry;
}

let parts: RoleParts | undefined;

export function provideRoles(provided: RoleParts): void {
  parts = provided;
}

export function rolePart<K extends keyof RoleParts>(name: K): RoleParts[K] {
  if (parts === undefined) throw new MillraceError('INTERNAL', `no role provides ${name}: import millrace, or src/roles/index.js`);
  return parts[name];
}
