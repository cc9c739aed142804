export * from './explain-job.js';
export { formatExplanation } from './format-explanation.js';
