export { bundleJob } from './bundle.js';
export { createEmbeddedEngine } from './engine.js';
export { loadJob } from './load-job.js';
export { resolveEmbeddedEngineOptions, type EmbeddedEngineOptions, type ResolvedEmbeddedEngineOptions } from './options.js';
