/** Loading this module hands the roles' parts to the framework. */
export * from './am/index.js';
export * from './ps/index.js';
export * from './worker/index.js';
