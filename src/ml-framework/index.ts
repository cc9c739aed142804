export { defineCluster, type ClusterConfig, type ClusterOptions, type FinishPolicy } from './cluster/cluster-config.js';
export type { NodeInfo } from './cluster/node-info.js';
export { wholeModel, type ModelPart } from './cluster/model-part.js';
export type { ModelAccess, NodeCheckpoint, NodeContext, NodeEntry, ParameterAccess } from './node/node-context.js';
export type { ParameterClient, Weights } from './parameters/parameter-client.js';
export { addAMRole, addPSRole, addRole, type RoleOptions, type RoleScope } from './roles.js';
export { type TrainOptions } from './training/train-options.js';
export { type Training, type TrainingOf } from './training/train.js';
export { type TrainingMetrics } from './training/training-metrics.js';
