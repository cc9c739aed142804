export { stringToHashBucket } from './string-ops.js';
export { attachTraced, type AttachedFunction, type TracedHandle } from './shared-function.js';
export { trace } from './trace.js';
export type { TraceOptions } from './trace-options.js';
export type { CallInputs, TracedFunction, TraceEntry, TraceStats } from './traced-function.js';
export type { Leaf, Structure, WithLeaves } from './structure.js';
