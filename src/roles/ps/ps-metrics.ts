import type { MetricGroup } from '../../core/index.js';
import type { ToShard } from '../../ml-framework/parameters/messages.js';
import type { ParameterShard } from './parameter-shard.js';

/** What a parameter server does, as metrics: messages of its workers by kind, updates applied, and what cuts hold up. */
export class PsMetrics {
  readonly #received;
  readonly #updates;
  readonly #hold;
  /** When the first mark of the newest cut came. */
  #markedMs: number | undefined;

  constructor(metrics: MetricGroup) {
    this.#received = {
      push: metrics.counter('parameter_pushes_total', 'Pushes of gradients that arrived, repeated ones included.'),
      pull: metrics.counter('parameter_pulls_total', 'Pulls of weights that arrived.'),
    };
    this.#updates = metrics.gauge('parameter_updates', 'Updates applied since training began: rounds in bsp, pushes in asp.');
    this.#hold = metrics.gauge(
      'cut_hold_seconds',
      'For how long the newest cut held pushes: from the first mark of a worker until the shard had its snapshot.',
    );
  }

  count(message: ToShard, shard: ParameterShard): void {
    if (message.kind === 'push' || message.kind === 'pull') this.#received[message.kind].add(1);
    if (message.kind === 'mark') this.#markedMs ??= performance.now();
    this.#updates.set(shard.clock);
  }

  /** A cut was taken or aborted: what it held goes on. */
  released(): void {
    if (this.#markedMs !== undefined) this.#hold.set((performance.now() - this.#markedMs) / 1000);
    this.#markedMs = undefined;
  }
}
