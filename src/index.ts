export * from './core/index.js';
export * from './memory/schema.js';
