export { Random } from './random.js';
export { Scheduler } from './scheduler.js';
export { simulateCluster, type SimulationResult } from './simulate-cluster.js';
