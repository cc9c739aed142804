import type { NodeContext } from '../../ml-framework/node/node-context.js';
import { metricsTag, type TrainingMetrics } from '../../ml-framework/training/training-metrics.js';

/** Means over a few steps, as one record of the metrics stream and as gauges. */
export class Progress {
  #steps = 0;
  #examples = 0;
  #loss = 0;
  #step = 0;
  #sinceMs: number;
  readonly #examplesTotal;
  readonly #stepsTotal;
  readonly #lossGauge;

  constructor(
    private readonly ctx: NodeContext,
    private readonly everySteps: number,
  ) {
    this.#sinceMs = ctx.clock.now();
    this.#examplesTotal = ctx.metrics.counter('training_examples_total', 'Examples learned.');
    this.#stepsTotal = ctx.metrics.counter('training_steps_total', 'Batches learned.');
    this.#lossGauge = ctx.metrics.gauge('training_loss', 'Mean loss over the last few steps.');
  }

  async learned(examples: number, loss: number, step: number): Promise<void> {
    this.#steps++;
    this.#examples += examples;
    this.#loss += loss * examples;
    this.#step = step;
    this.#examplesTotal.add(examples);
    this.#stepsTotal.add(1);
    if (this.#steps >= this.everySteps) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#steps === 0) return;
    const now = this.ctx.clock.now();
    const loss = this.#loss / this.#examples;
    this.#lossGauge.set(loss);
    const seconds = Math.max(now - this.#sinceMs, 1) / 1000;
    const record: TrainingMetrics = { worker: this.ctx.index, step: this.#step, loss, examples: this.#examples, examplesPerSecond: this.#examples / seconds };
    await this.ctx.emit([record], metricsTag);
    this.#steps = this.#examples = this.#loss = 0;
    this.#sinceMs = now;
  }
}
