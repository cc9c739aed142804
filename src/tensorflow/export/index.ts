export { saveVariables, type SessionVariable } from './save-variables.js';
export { writeSavedModel, type ExportedVariable, type SavedModelContents } from './write-saved-model.js';
export type { ExportedSignature, ExportedTensor } from '../saved-model/meta-graph.js';
export { exportSavedModel, type ExportedFunction, type ExportedInput, type ExportOptions } from './export-saved-model.js';
