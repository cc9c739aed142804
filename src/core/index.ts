export * from './clock.js';
export * from './error-codes.js';
export * from './errors.js';
export * from './lifecycle.js';
export * from './logger.js';
export * from './metrics.js';
export * from './options.js';
