import { deferred, withDeadline } from '../../core/index.js';
import type { ModelFeed, ModelFeedContext, ModelFeedFactory, ModelVersion } from '../../tensorflow/predictor.js';
import type { AmClient, Subscription } from '../cluster/am-client.js';
import type { ClusterConfig } from '../cluster/cluster-config.js';
import { amKey } from '../node/role-service.js';

/** The way from a cluster's application manager to a scorer of the same job, outside the dataflow. */
export function modelFeedFactory(cluster: ClusterConfig): ModelFeedFactory {
  return {
    cluster: cluster.name,
    open: async (context) => {
      const address = await context.rendezvous.lookup(amKey(cluster.name), cluster.registrationDeadlineMs);
      const { AmClient } = await import('../cluster/am-client.js');
      return new ClusterModelFeed(new AmClient(address, cluster.name, cluster.rpcDeadlineMs), context);
    },
  };
}

class ClusterModelFeed implements ModelFeed {
  readonly #client: AmClient;
  readonly #context: ModelFeedContext;
  readonly #subscription: Subscription;
  readonly #first = deferred();
  readonly #listeners: ((version: ModelVersion) => void)[] = [];
  #latest: ModelVersion | undefined;

  constructor(client: AmClient, context: ModelFeedContext) {
    this.#client = client;
    this.#context = context;
    this.#first.promise.catch(() => undefined);
    this.#subscription = client.watchModel(-1, {
      version: (version) => {
        this.#latest = version;
        this.#first.resolve();
        for (const listener of this.#listeners) listener(version);
      },
      lost: (error) => {
        // The manager ends after the final version; a scorer goes on with the newest one that it has.
        if (this.#latest === undefined) this.#first.reject(error);
        else context.log.debug(`model of cluster ${client.cluster}: no more versions`, { code: error.code });
      },
    });
  }

  async latest(deadlineMs: number): Promise<ModelVersion> {
    await withDeadline(this.#first.promise, {
      ms: deadlineMs,
      what: `first version of the model of cluster ${this.#client.cluster}`,
      clock: this.#context.clock,
    });
    return this.#latest!;
  }

  onVersion(listener: (version: ModelVersion) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    this.#subscription.stop();
    this.#client.close();
    return Promise.resolve();
  }
}
