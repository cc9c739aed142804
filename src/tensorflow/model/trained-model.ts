import type { ModelFeedFactory } from '../predictor.js';
import type { Model } from './types.js';

/** What train() hands out as `model` and score() takes: a model's definition, and the way to the versions that training publishes. */
export interface TrainedModel<F, L, O> {
  readonly definition: Model<F, L, O>;
  readonly versions: ModelFeedFactory;
}
