export { findBridgeJar, missingForBridge, setupBridge, type BuiltBridge } from './bridge-jar.js';
export { FlinkCluster } from './cluster.js';
export { createFlinkEngine, type FlinkEngine, type OnResubmitted, type SubmittedJob } from './engine.js';
export type { FlinkJob } from './flink-job.js';
export { resolveFlinkEngineOptions, type FlinkEngineOptions, type FlinkJarOptions, type ResolvedFlinkEngineOptions } from './options.js';
export { writeFlinkJar } from './pack-job.js';
export { jobHasEnded } from './job-state.js';
