import { MillraceError, encodeError, unlessAborted } from '../../core/index.js';
import { AmClient, type Subscription } from '../cluster/am-client.js';
import type { NodeInfo } from '../cluster/node-info.js';
import { nodeName } from '../cluster/node-info.js';
import { amKey, type NodeHost } from './role-service.js';

/**
 * A manager that goes usually takes its nodes with it, in a redeployment or at the end of the job: their own end is on its
 * way. Who still lives after this long has lost it, ms.
 */
const lossGraceMs = 1_000;

/** A node's place in a running cluster, from registration to its end. */
export class Membership {
  readonly #finishing = new AbortController();
  readonly #heartbeat: Subscription;
  #hasEnded = false;

  private constructor(
    readonly am: AmClient,
    readonly self: NodeInfo,
    intervalMs: number,
    host: NodeHost,
  ) {
    this.#heartbeat = am.heartbeat(self, intervalMs, host.clock, {
      command: (command) => {
        if (command === 'finish') this.#finishing.abort();
      },
      lost: (error) => {
        host.clock.after(lossGraceMs, () => {
          if (!this.#hasEnded && !host.signal.aborted) host.fail(error);
        });
      },
    });
  }

  /** Finds the application manager and registers. @throws NODE_NOT_REGISTERED, NODE_FENCED */
  static async join(host: NodeHost, address: string): Promise<Membership> {
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
      return new Membership(am, self, await unlessAborted(am.register(self), host.signal), host);
    } catch (thrown) {
      am.close();
      throw thrown;
    }
  }

  /** Aborts when the cluster has met its finish policy: end as if the input had ended. */
  get finishing(): AbortSignal {
    return this.#finishing.signal;
  }

  /** Waits until every node has registered. @throws the first cause where the cluster fails */
  async nodes(deadlineMs: number): Promise<readonly NodeInfo[]> {
    return (await this.am.untilRunning(deadlineMs)).nodes;
  }

  /** Says that the node has done its work. */
  async finish(): Promise<void> {
    this.#hasEnded = true;
    await this.am.finish(this.self);
  }

  /** Tells the manager why the node fails, as far as the manager can still be reached. */
  async reportFailure(error: unknown): Promise<void> {
    this.#hasEnded = true;
    await this.am.reportFailure(this.self, JSON.stringify(encodeError(error))).catch(() => undefined);
  }

  close(): void {
    this.#hasEnded = true;
    this.#heartbeat.stop();
    this.am.close();
  }
}
