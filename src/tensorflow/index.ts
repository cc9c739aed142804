export * from './tensor-value.js';
export * from './predictor.js';
export * from './eager/index.js';
export * from './library/index.js';
export * from './saved-model/index.js';
export * from './native/index.js';
export * from './trace/index.js';
export * from './model/index.js';
