export { NativeSession, type PreparedRun, type ProfiledRun, type TensorsByName } from './session.js';
export type { NodeTime, RunProfile } from './run-trace.js';
export type { SessionHandle } from './session-reference.js';
export type { GraphSessionOptions, SavedModelOptions, SessionThreads } from './session-options.js';
export { openSavedModelPredictor, type SavedModelPredictorOptions } from './saved-model-predictor.js';
