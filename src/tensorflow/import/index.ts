export { readVariables, type ReadVariable, type ReadVariablesOptions } from './read-variables.js';
export { importSavedModel, type ImportedWeight, type ImportSavedModelOptions } from './import-saved-model.js';
