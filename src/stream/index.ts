export {
  bigint,
  bool,
  bytes,
  float16,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  list,
  string,
  timestamp,
  uint16,
  uint32,
  uint8,
  vector,
  type ColumnMaker,
  type Derived,
  type DerivedColumn,
} from './columns.js';
export * from './checkpoint.js';
export { checkpointOptions, type CheckpointOptions, type ResolvedCheckpointOptions } from './checkpoint-options.js';
export * from './connector.js';
export { DataStream, type BuildScope, type Flat, type NamingOptions } from './data-stream.js';
export * from './engine.js';
export { StreamEnvironment, type SourceOptions, type TimeColumn } from './environment.js';
export * from './explain/index.js';
export * from './graph.js';
export { GraphBuilder, type InputSpec, type OperatorSpec } from './graph-builder.js';
export * from './job.js';
export * from './job-graph.js';
export type { OperatorOptions, UserFunctionOptions } from './operator-options.js';
export * from './params.js';
export * from './planner/index.js';
export {
  restartSettings,
  type ResolvedRestartStrategy,
  type RestartScope,
  type RestartSettings,
  type RestartStrategy,
  type RoleRestart,
} from './restart-options.js';
export * from './subtask.js';
export { KeyedStream } from './keyed-stream.js';
export type { KeyedContext, KeyedProcessFunction, KeyedTimerContext, SideOutputs, TimeDomain, TimerService } from './operators/keyed-process-function.js';
export {
  listState,
  mapState,
  valueState,
  type ListState,
  type ListStateDescriptor,
  type MapState,
  type MapStateDescriptor,
  type StateDescriptor,
  type StateDescriptors,
  type StateHandles,
  type ValueState,
  type ValueStateDescriptor,
} from './state/descriptors.js';
export type { Key, KeyPart } from './state/key.js';
export { keyGroupOf, keyGroupRange, keyGroupsOf, subtaskOfKeyGroup } from './state/key-groups.js';
export { WindowedStream } from './windowed-stream.js';
export type { AggregateFunction, Window, WindowContext, WindowFunction } from './windows/aggregate.js';
export { count, max, mean, min, sum, type Summary, type SummaryRow } from './windows/summary.js';
export { session, sliding, tumbling, type AlignedOptions, type WindowSpec, type WindowTimeOptions } from './windows/window-spec.js';
