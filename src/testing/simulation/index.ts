export { Random } from './random.js';
export { Scheduler } from './scheduler.js';
export { simulateCluster, type Death, type SimulationOptions, type SimulationResult, type Victim } from './simulate-cluster.js';
