export { AmRole } from './am-role.js';
export { ClusterManager } from './cluster-manager.js';
export { ModelRegistry } from './model-registry.js';
export { clusterTransitions, type ClusterAction, type ClusterEvent, type ClusterState } from './state-machine.js';
