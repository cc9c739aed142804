export { describeGraph, formatExchange, formatGraphDifference, type GraphDescription } from './fingerprint.js';
export { planJob } from './plan-job.js';
