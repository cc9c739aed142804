export { ManualClock } from './manual-clock.js';
export { OperatorHarness, type HarnessOptions, type HarnessRecord, type HarnessSnapshot } from './operator-harness.js';
