export { trainingEntry } from './training-entry.js';
