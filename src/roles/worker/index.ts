import { provideRole } from '../../ml-framework/node/role-registry.js';
import { trainingEntry } from './training-entry.js';

provideRole({ trainingEntry });

export { trainingEntry } from './training-entry.js';
