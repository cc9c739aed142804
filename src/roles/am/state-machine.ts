/**
 * Life of a cluster.
 *
 * ```
 *  forming ──complete──► running ──policyMet──► finishing ──allFinished──► finished
 *     │                     │                       │
 *     └───────fail──────────┴─────────fail──────────┴──► failed
 * ```
 */
export type ClusterState = 'forming' | 'running' | 'finishing' | 'finished' | 'failed';

export type ClusterEvent =
  /** Every expected node has registered. */
  | 'complete'
  /** The nodes that the finish policy names have finished. */
  | 'policyMet'
  /** Every node has finished. */
  | 'allFinished'
  /** A node failed, was lost or never came. */
  | 'fail';

export type ClusterAction = 'announce' | 'commandFinish' | 'close' | 'commandStop';

interface Transition {
  readonly to: ClusterState;
  readonly actions: readonly ClusterAction[];
}

/** Events that are not in a state's row change nothing. */
export const clusterTransitions: Readonly<Record<ClusterState, Partial<Record<ClusterEvent, Transition>>>> = {
  forming: {
    complete: { to: 'running', actions: ['announce'] },
    fail: { to: 'failed', actions: ['announce', 'commandStop'] },
  },
  running: {
    policyMet: { to: 'finishing', actions: ['announce', 'commandFinish'] },
    fail: { to: 'failed', actions: ['announce', 'commandStop'] },
  },
  finishing: {
    allFinished: { to: 'finished', actions: ['announce', 'close'] },
    fail: { to: 'failed', actions: ['announce', 'commandStop'] },
  },
  finished: {},
  failed: {},
};
