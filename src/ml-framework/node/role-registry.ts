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

/**
 * What the roles bring to the framework. Roles import the framework, never the other way: each hands its part over when
 * its module loads, and the package's entry loads them all.
 */
export interface RoleParts {
  createAm(host: NodeHost): RoleService;
  createPs(host: NodeHost, optimizer: OptimizerSpec): RoleService;
  createLocalShard(optimizer: OptimizerSpec, epoch: number, restored: readonly Uint8Array[]): LocalShard;
  trainingEntry(model: TrainableModel, options: TrainingEntryOptions): NodeEntry;
}

const parts: Partial<RoleParts> = {};

export function provideRole(part: Partial<RoleParts>): void {
  Object.assign(parts, part);
}

export function rolePart<K extends keyof RoleParts>(name: K): RoleParts[K] {
  const part = parts[name];
  if (part === undefined) throw new MillraceError('INTERNAL', `no role provides ${name}: import millrace, or src/roles/index.js`);
  return part;
}
