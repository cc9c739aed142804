export { createOptimizer, type Optimizer } from './optimizers/optimizer.js';
export { createLocalShard } from './local-shard.js';
export { ParameterShard, type ParameterShardOptions, type ShardSession } from './parameter-shard.js';
export { PsRole } from './ps-role.js';
export { decodeSegment, encodeSegment } from './segment-state.js';
export type { SegmentSnapshot } from './segment.js';
