import { MillraceError } from '../../core/index.js';
import { nodeName, type NodeInfo } from '../../ml-framework/cluster/node-info.js';

interface Entry {
  info: NodeInfo;
  lastBeatMs: number;
  hasFinished: boolean;
  /** Records consumed, or updates applied, as the node last said. */
  progress: number;
}

/** Nodes by what they do. */
export interface NodeCounts {
  readonly expected: number;
  /** Registered with this manager, whatever became of them. */
  readonly registered: number;
  readonly running: number;
  readonly finished: number;
  /** Silent for longer than the heartbeat timeout. */
  readonly lost: number;
}

/** Who belongs to the cluster: leases by node, the time of their last beat, who has finished. */
export class NodeRegistry {
  readonly #expected: ReadonlyMap<string, number>;
  readonly #nodes = new Map<string, Entry>();

  /** @param expected number of nodes of each role */
  constructor(expected: Readonly<Record<string, number>>) {
    this.#expected = new Map(Object.entries(expected));
  }

  /** @throws NODE_FENCED where a successor holds the lease; PROTOCOL for a node nobody expects */
  register(info: NodeInfo, nowMs: number): void {
    const count = this.#expected.get(info.role);
    if (count === undefined || info.index >= count) {
      const expected = [...this.#expected].map(([role, n]) => `${role} x ${n}`).join(', ');
      throw new MillraceError('PROTOCOL', `${nodeName(info)} is no member of this cluster; expected: ${expected}`);
    }
    this.#current(info, true);
    this.#nodes.set(key(info), { info, lastBeatMs: nowMs, hasFinished: false, progress: 0 });
  }

  beat(info: NodeInfo, nowMs: number, progress: number): void {
    const entry = this.#current(info, false);
    if (entry === undefined) return;
    entry.lastBeatMs = nowMs;
    entry.progress = progress;
  }

  /** @param sinceMs nodes without a beat since then are lost */
  counts(sinceMs: number): NodeCounts {
    const registered = this.#nodes.size;
    const finished = [...this.#nodes.values()].filter(({ hasFinished }) => hasFinished).length;
    const lost = this.silent(sinceMs).length;
    return { expected: this.#all(() => true).length, registered, running: registered - finished - lost, finished, lost };
  }

  /** The sum of what the nodes of a role have done. */
  progress(role: string): number {
    return [...this.#nodes.values()].reduce((sum, { info, progress }) => (info.role === role ? sum + progress : sum), 0);
  }

  /** A node may have finished before this manager was there: it need not have registered. */
  finish(info: NodeInfo, nowMs: number): void {
    const entry = this.#current(info, true);
    if (entry === undefined) this.#nodes.set(key(info), { info, lastBeatMs: nowMs, hasFinished: true, progress: 0 });
    else entry.hasFinished = true;
  }

  /** Roles all of whose nodes have finished. */
  get finishedRoles(): string[] {
    return [...this.#expected.keys()].filter((role) => this.haveFinished((other) => other === role));
  }

  get nodes(): NodeInfo[] {
    return [...this.#nodes.values()].map(({ info }) => info);
  }

  /** Names of nodes that have not registered: 'worker 1'. */
  get missing(): string[] {
    return this.#all((role, index) => !this.#nodes.has(key({ role, index })));
  }

  /** Nodes that neither finished nor sent a beat since `sinceMs`. */
  silent(sinceMs: number): NodeInfo[] {
    return [...this.#nodes.values()].filter(({ hasFinished, lastBeatMs }) => !hasFinished && lastBeatMs < sinceMs).map(({ info }) => info);
  }

  /** True where every node that `selects` has finished, and there is one. */
  haveFinished(selects: (role: string, index: number) => boolean): boolean {
    const selected = this.#all(selects);
    const unfinished = this.#all((role, index) => selects(role, index) && this.#nodes.get(key({ role, index }))?.hasFinished !== true);
    return selected.length > 0 && unfinished.length === 0;
  }

  #all(selects: (role: string, index: number) => boolean): string[] {
    return [...this.#expected].flatMap(([role, count]) =>
      Array.from({ length: count }, (_, index) => index)
        .filter((index) => selects(role, index))
        .map((index) => `${role} ${index}`),
    );
  }

  #current(info: NodeInfo, isRegistering: boolean): Entry | undefined {
    const entry = this.#nodes.get(key(info));
    if (entry === undefined) {
      if (isRegistering) return undefined;
      throw new MillraceError('NODE_FENCED', `${nodeName(info)}: not registered with this application manager; register first`);
    }
    if (info.epoch < entry.info.epoch) {
      throw new MillraceError('NODE_FENCED', `${nodeName(info)}: lease epoch ${info.epoch} was taken over by epoch ${entry.info.epoch}; this node must stop`, {
        details: { epoch: info.epoch, current: entry.info.epoch },
      });
    }
    return entry;
  }
}

function key({ role, index }: Pick<NodeInfo, 'role' | 'index'>): string {
  return `${role}/${index}`;
}
