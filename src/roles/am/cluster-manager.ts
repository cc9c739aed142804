import { MillraceError } from '../../core/index.js';
import type { ClusterConfig } from '../../ml-framework/cluster/cluster-config.js';
import { nodeName, type NodeInfo } from '../../ml-framework/cluster/node-info.js';
import { NodeRegistry, type NodeCounts } from './node-registry.js';
import { clusterTransitions, type ClusterAction, type ClusterEvent, type ClusterState } from './state-machine.js';

export type ClusterPolicy = Pick<ClusterConfig, 'name' | 'finishPolicy' | 'heartbeatTimeoutMs' | 'registrationDeadlineMs'>;

export interface ClusterSnapshot {
  readonly state: ClusterState;
  readonly nodes: readonly NodeInfo[];
}

/** Roles whose nodes end only when told to. */
const servingRoles: ReadonlySet<string> = new Set(['ps']);

/**
 * The application manager without input or output: events come in with the time, actions go out to a listener.
 *
 * The first failure wins; what follows from it is not reported.
 */
export class ClusterManager {
  readonly #config: ClusterPolicy;
  readonly #registry: NodeRegistry;
  readonly #expected: Readonly<Record<string, number>>;
  readonly #startedAtMs: number;
  readonly #act: (action: ClusterAction) => void;
  #state: ClusterState = 'forming';
  #cause: MillraceError | undefined;

  constructor(config: ClusterPolicy, expected: Readonly<Record<string, number>>, nowMs: number, act: (action: ClusterAction) => void) {
    this.#config = config;
    this.#expected = expected;
    this.#registry = new NodeRegistry(expected);
    this.#startedAtMs = nowMs;
    this.#act = act;
  }

  get snapshot(): ClusterSnapshot {
    return { state: this.#state, nodes: this.#registry.nodes };
  }

  /** The first cause, where the state is 'failed'. */
  get cause(): MillraceError | undefined {
    return this.#cause;
  }

  /** @throws NODE_FENCED, PROTOCOL */
  register(node: NodeInfo, nowMs: number): void {
    this.#registry.register(node, nowMs);
    if (this.#state === 'forming') this.#completeIfAllThere();
    else this.#act('announce');
  }

  /** Roles all of whose nodes have finished: what a successor must know, because those nodes never come again. */
  get finishedRoles(): string[] {
    return this.#registry.finishedRoles;
  }

  #completeIfAllThere(): void {
    if (this.#registry.missing.length === 0) this.#handle('complete');
  }

  /** @throws NODE_FENCED */
  beat(node: NodeInfo, nowMs: number, progress = 0): void {
    this.#registry.beat(node, nowMs, progress);
  }

  counts(nowMs: number): NodeCounts {
    return this.#registry.counts(nowMs - this.#config.heartbeatTimeoutMs);
  }

  /** Records consumed by the nodes of a role, or updates applied by them, as their last beats said. */
  progress(role: string): number {
    return this.#registry.progress(role);
  }

  /** The node has done its work. @throws NODE_FENCED */
  finish(node: NodeInfo, nowMs = this.#startedAtMs): void {
    this.#registry.finish(node, nowMs);
    this.#completeIfAllThere();
    if (this.#registry.haveFinished(this.#deciding())) this.#handle('policyMet');
    if (this.#registry.haveFinished(() => true)) this.#handle('allFinished');
  }

  fail(node: Pick<NodeInfo, 'role' | 'index'>, cause: MillraceError): void {
    this.#failWith(
      new MillraceError(cause.code, cause.message.startsWith(nodeName(node)) ? cause.message : `${nodeName(node)}: ${cause.message}`, {
        details: cause.details,
        cause,
      }),
    );
  }

  /** Looks at the deadlines; call it about once a heartbeat interval. */
  tick(nowMs: number): void {
    const { name, registrationDeadlineMs, heartbeatTimeoutMs } = this.#config;
    if (this.#state === 'forming' && nowMs - this.#startedAtMs >= registrationDeadlineMs) {
      const missing = this.#registry.missing;
      this.#failWith(
        new MillraceError(
          'NODE_NOT_REGISTERED',
          `cluster ${name}: ${missing.join(', ')} did not register within ${registrationDeadlineMs} ms; see the log of the node, or raise registrationDeadline`,
          {
            details: { missing, limitMs: registrationDeadlineMs },
          },
        ),
      );
    }
    const silent = this.#registry.silent(nowMs - heartbeatTimeoutMs).map(nodeName);
    if (silent.length > 0) {
      this.#failWith(
        new MillraceError(
          'NODE_LOST',
          `cluster ${name}: no heartbeat of ${silent.join(', ')} for ${heartbeatTimeoutMs} ms; its thread is stuck or gone: see its log, or raise heartbeatTimeout`,
          {
            details: { nodes: silent, limitMs: heartbeatTimeoutMs },
          },
        ),
      );
    }
  }

  /** Nodes whose end means the end of the cluster. */
  #deciding(): (role: string, index: number) => boolean {
    if (this.#config.finishPolicy === 'chief') {
      const chief = this.#expected['chief'] === undefined ? 'worker' : 'chief';
      return (role, index) => role === chief && index === 0;
    }
    if (this.#expected['worker'] !== undefined) return (role) => role === 'worker';
    return (role) => !servingRoles.has(role);
  }

  #failWith(cause: MillraceError): void {
    if (this.#state === 'failed' || this.#state === 'finished') return;
    this.#cause = cause;
    this.#handle('fail');
  }

  #handle(event: ClusterEvent): void {
    const transition = clusterTransitions[this.#state][event];
    if (transition === undefined) return;
    this.#state = transition.to;
    for (const action of transition.actions) this.#act(action);
  }
}
