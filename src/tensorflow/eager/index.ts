export * from './load-tfjs.js';
