import { provideRole } from '../../ml-framework/node/role-registry.js';
import { AmRole } from './am-role.js';

provideRole({ createAm: (host) => new AmRole(host) });

export { AmRole } from './am-role.js';
export { ClusterManager } from './cluster-manager.js';
export { ModelRegistry } from './model-registry.js';
export { clusterTransitions, type ClusterAction, type ClusterEvent, type ClusterState } from './state-machine.js';
