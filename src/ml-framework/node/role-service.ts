import type { Clock, Logger, MetricGroup } from '../../core/index.js';
import type { InputLane, Rendezvous } from '../../stream/subtask.js';
import type { ClusterConfig } from '../cluster/cluster-config.js';

/** Where a node runs: its place in the cluster, and what its host lends it. */
export interface NodeHost {
  readonly cluster: ClusterConfig & { readonly host: string };
  readonly role: string;
  readonly index: number;
  /** Nodes of the role as deployed now. */
  readonly count: number;
  /** Nodes of every role as deployed now, without the application manager. */
  readonly roles: Readonly<Record<string, number>>;
  /** True where all nodes of a role have ended for good: none of them comes again. */
  hasEnded(role: string): boolean;
  /** Lease epoch. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MetricGroup;
  readonly signal: AbortSignal;
  readonly rendezvous: Rendezvous;
  /** Where the node is replaced alone when it fails. */
  readonly lane?: InputLane | undefined;
  /** Ends the job with this error. */
  fail(error: unknown): void;
}

/** The long-lived part of a role that serves others: application manager, parameter server. */
export interface RoleService {
  /** Must not wait for other nodes: they may open after this one. */
  open(restored: readonly Uint8Array[]): Promise<void>;
  /** Resolves when the service has no more to do; absent where the end of input says so. */
  readonly finished?: Promise<void>;
  /** Every node that feeds this one has ended. */
  inputEnded?(): Promise<void>;
  /** State at a cut; encoded when iterated, and not kept by the service. */
  freeze(cut: number): Iterable<Uint8Array>;
  /** The cut was taken or aborted. */
  decide?(cut: number): void;
  close(): Promise<void>;
}

/** Key under which an application manager leaves its address. */
export function amKey(cluster: string): string {
  return `millrace/am/${cluster}`;
}
