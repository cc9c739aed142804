export { bundleJob } from '../runtime/bundle.js';
export { createEmbeddedEngine } from './engine.js';
export { loadJob } from '../runtime/load-job.js';
export { resolveEmbeddedEngineOptions, type EmbeddedEngineOptions, type ResolvedEmbeddedEngineOptions } from './options.js';
