import { wholeModel } from '../../ml-framework/cluster/model-part.js';
import type { NodeContext } from '../../ml-framework/node/node-context.js';
import type { TrainingEntryOptions } from '../../ml-framework/node/training-entry-options.js';
import type { Weights } from '../../ml-framework/parameters/parameter-client.js';

/** Publishes versions of the model every so many steps or milliseconds; one at a time, beside the training. */
export class ModelPublisher {
  #publishedStep = 0;
  #publishedAtMs = 0;
  #inFlight: Promise<unknown> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly ctx: NodeContext,
    private readonly options: Pick<TrainingEntryOptions, 'publishEverySteps' | 'publishEveryMs'>,
  ) {}

  async publish(weights: Weights, step: number): Promise<void> {
    this.#publishedStep = step;
    this.#publishedAtMs = this.ctx.clock.now();
    await this.ctx.model.publish(wholeModel(weights, step, false));
  }

  /** Starts a publication where it is due. @throws what the last one failed with */
  async maybePublish(weights: Weights, step: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { publishEverySteps, publishEveryMs } = this.options;
    const isDue =
      step - this.#publishedStep >= publishEverySteps ||
      (publishEveryMs > 0 && step > this.#publishedStep && this.ctx.clock.now() - this.#publishedAtMs >= publishEveryMs);
    if (!isDue || this.#inFlight !== undefined) return;
    // The weights change in place with the next pull.
    const copy = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, { ...tensor, data: (tensor.data as Float32Array).slice() }]));
    this.#inFlight = this.publish(copy, step).then(
      () => (this.#inFlight = undefined),
      (error: unknown) => {
        this.#failure = { error };
      },
    );
    await Promise.resolve();
  }

  async settled(): Promise<void> {
    await this.#inFlight;
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
