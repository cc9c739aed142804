import type { MetricGroup } from '../../core/index.js';
import type { ToShard } from '../../ml-framework/parameters/messages.js';
import type { ParameterShard } from './parameter-shard.js';

/** What a parameter server does, as metrics: messages of its workers by kind, and updates applied. */
export class PsMetrics {
  readonly #received;
  readonly #updates;

  constructor(metrics: MetricGroup) {
    this.#received = {
      push: metrics.counter('parameter_pushes_total', 'Pushes of gradients that arrived, repeated ones included.'),
      pull: metrics.counter('parameter_pulls_total', 'Pulls of weights that arrived.'),
    };
    this.#updates = metrics.gauge('parameter_updates', 'Updates applied since training began: rounds in bsp, pushes in asp.');
  }

  count(message: ToShard, shard: ParameterShard): void {
    if (message.kind === 'push' || message.kind === 'pull') this.#received[message.kind].add(1);
    this.#updates.set(shard.clock);
  }
}
