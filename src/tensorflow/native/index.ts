export { NativeSession, type PreparedRun, type TensorsByName } from './session.js';
export type { SessionHandle } from './session-reference.js';
export type { GraphSessionOptions, SavedModelOptions, SessionThreads } from './session-options.js';
export { openSavedModelPredictor, type SavedModelPredictorOptions } from './saved-model-predictor.js';
