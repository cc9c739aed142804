import './score.js';

export type { ScoreColumns } from './score.js';
export type { ScoreOptions } from './options.js';
export type { SavedModelReference } from './saved-model-scorer.js';
