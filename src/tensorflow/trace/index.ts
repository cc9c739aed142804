export { traceForward, type TracedForward } from './trace-forward.js';
export { openTracedPredictor, type AssignablePredictor } from './traced-predictor.js';
