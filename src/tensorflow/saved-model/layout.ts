import { join } from 'node:path';

/** The file of a SavedModel that holds its graphs and signatures. */
export const savedModelFile = 'saved_model.pb';

/** Where the variables of a SavedModel lie: `variables/variables.index` and its data files. */
export const variablesPrefix = join('variables', 'variables');
