import { MillraceError, encodeError, sleep, unlessAborted } from '../../core/index.js';
import { AmClient, type Subscription } from '../cluster/am-client.js';
import type { NodeInfo } from '../cluster/node-info.js';
import { nodeName } from '../cluster/node-info.js';
import { amKey, type NodeHost } from './role-service.js';

/**
 * A manager that goes usually takes its nodes with it, in a redeployment or at the end of the job: their own end is on its
 * way. Who still lives after this long has lost it, ms.
 */
const lossGraceMs = 1_000;

/** How often a finished node looks for the successor of its manager, ms. */
const successorMs = 100;

/**
 * A node's place in a running cluster, from registration to its end.
 *
 * ```
 * join ──► registered ──► finished ──► closed
 *              │  manager lost: the node fails     │
 *              │                finished: it tells the manager's successor
 * ```
 * A node that has finished may outlive its manager: a redeployment leaves it alone, and the cut that the successor starts
 * from may have been taken before the manager learned of its end.
 */
export class Membership {
  readonly #finishing = new AbortController();
  readonly #closing = new AbortController();
  #am: AmClient;
  #heartbeat: Subscription;
  #hasFinished = false;
  #hasFailed = false;

  private constructor(
    am: AmClient,
    readonly self: NodeInfo,
    private readonly host: NodeHost,
    private readonly intervalMs: number,
    private readonly progress: () => number,
  ) {
    this.#am = am;
    this.#heartbeat = this.#beat();
  }

  /**
   * Finds the application manager and registers.
   *
   * @param progress records consumed, or updates applied, so far: shown to people
   * @throws NODE_NOT_REGISTERED, NODE_FENCED
   */
  static async join(host: NodeHost, address: string, progress: () => number): Promise<Membership> {
    const self: NodeInfo = { role: host.role, index: host.index, epoch: host.epoch, address };
    const { name, registrationDeadlineMs, rpcDeadlineMs } = host.cluster;
    let found: string;
    try {
      found = await unlessAborted(host.rendezvous.lookup(amKey(name), registrationDeadlineMs), host.signal);
    } catch (thrown) {
      if (host.signal.aborted) throw thrown;
      throw new MillraceError(
        'NODE_NOT_REGISTERED',
        `${nodeName(self)} of cluster ${name}: no application manager within ${registrationDeadlineMs} ms; add one with addAMRole(env, cluster)`,
        { cause: thrown },
      );
    }
    const am = new AmClient(found, name, rpcDeadlineMs);
    try {
      return new Membership(am, self, host, await unlessAborted(am.register(self), host.signal), progress);
    } catch (thrown) {
      am.close();
      throw thrown;
    }
  }

  get am(): AmClient {
    return this.#am;
  }

  /** Aborts when the cluster has met its finish policy: end as if the input had ended. */
  get finishing(): AbortSignal {
    return this.#finishing.signal;
  }

  /** Waits until every node has registered. @throws the first cause where the cluster fails */
  async nodes(deadlineMs: number): Promise<readonly NodeInfo[]> {
    return (await this.#am.untilRunning(deadlineMs)).nodes;
  }

  /** Says that the node has done its work. */
  async finish(): Promise<void> {
    this.#hasFinished = true;
    await this.#am.finish(this.self);
  }

  /** Tells the manager why the node fails, as far as the manager can still be reached. */
  async reportFailure(error: unknown): Promise<void> {
    this.#hasFailed = true;
    await this.#am.reportFailure(this.self, JSON.stringify(encodeError(error))).catch(() => undefined);
  }

  close(): void {
    this.#closing.abort();
    this.#heartbeat.stop();
    this.#am.close();
  }

  #beat(): Subscription {
    const { host, intervalMs, progress } = this;
    return this.#am.heartbeat(
      this.self,
      { intervalMs, progress, clock: host.clock },
      {
        command: (command) => {
          if (command === 'finish') this.#finishing.abort();
        },
        lost: (error) => this.#lost(error),
      },
    );
  }

  #lost(error: MillraceError): void {
    if (this.#hasFinished) void this.#followSuccessor();
    else {
      this.host.clock.after(lossGraceMs, () => {
        if (!this.#hasFinished && !this.#hasFailed && !this.#isOver) this.host.fail(error);
      });
    }
  }

  get #isOver(): boolean {
    return this.#closing.signal.aborted || this.host.signal.aborted;
  }

  /** Looks for a new manager for as long as the node lives: whether one comes is not for the node to say. */
  async #followSuccessor(): Promise<void> {
    const { rendezvous, cluster, clock } = this.host;
    while (!this.#isOver) {
      try {
        const address = await unlessAborted(rendezvous.lookup(amKey(cluster.name), cluster.registrationDeadlineMs), this.#closing.signal);
        if (address !== this.#am.address) {
          this.#am.close();
          this.#am = new AmClient(address, cluster.name, cluster.rpcDeadlineMs);
          await this.#am.finish(this.self);
          this.#heartbeat = this.#beat();
          return;
        }
      } catch {
        // Not there yet, or gone again.
      }
      await sleep(clock, successorMs, this.#closing.signal).catch(() => undefined);
    }
  }
}
