import type { Model } from '../../../src/tensorflow/model/index.js';
import type { ModelFeed, ModelFeedFactory, ModelVersion } from '../../../src/tensorflow/predictor.js';
import type { TensorValue } from '../../../src/tensorflow/tensor-value.js';

/** Versions that a test publishes by hand. */
export class ManualFeed implements ModelFeedFactory {
  #latest: ModelVersion;
  readonly #listeners = new Set<(version: ModelVersion) => void>();
  openCount = 0;

  constructor(weights: Readonly<Record<string, TensorValue>>) {
    this.#latest = { version: 0, step: 0, weights, final: false };
  }

  static async of<F, L, O>(model: Model<F, L, O>, seed = 1): Promise<ManualFeed> {
    return new ManualFeed(await weightsOf(model, seed));
  }

  publish(weights: Readonly<Record<string, TensorValue>>): void {
    this.#latest = { version: this.#latest.version + 1, step: 1, weights, final: false };
    for (const listener of this.#listeners) listener(this.#latest);
  }

  open(): Promise<ModelFeed> {
    this.openCount += 1;
    const mine = new Set<(version: ModelVersion) => void>();
    return Promise.resolve({
      latest: () => Promise.resolve(this.#latest),
      onVersion: (listener) => {
        mine.add(listener);
        this.#listeners.add(listener);
      },
      close: () => {
        for (const listener of mine) this.#listeners.delete(listener);
        this.openCount -= 1;
        return Promise.resolve();
      },
    });
  }
}

export async function weightsOf<F, L, O>(model: Model<F, L, O>, seed: number): Promise<Readonly<Record<string, TensorValue>>> {
  const session = await model.openTraining({ seed });
  const weights = session.weights();
  await session.close();
  return weights;
}
