export { NativeSession, type TensorsByName } from './session.js';
export type { SessionHandle } from './session-reference.js';
export type { GraphSessionOptions, SavedModelOptions, SessionThreads } from './session-options.js';
