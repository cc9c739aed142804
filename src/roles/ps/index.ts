import { provideRole } from '../../ml-framework/node/role-registry.js';
import { createLocalShard } from './local-shard.js';
import { PsRole } from './ps-role.js';

provideRole({ createPs: (host, optimizer) => new PsRole(host, optimizer), createLocalShard });

export { createOptimizer, type Optimizer } from './optimizers/optimizer.js';
export { ParameterShard, type ParameterShardOptions, type ShardSession } from './parameter-shard.js';
export { PsRole } from './ps-role.js';
export { decodeSegment, encodeSegment } from './segment-state.js';
export type { SegmentSnapshot } from './segment.js';
