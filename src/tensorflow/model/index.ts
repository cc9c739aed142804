export { defineModel, type ModelDefinition } from './define-model.js';
export { fromLayersModel, type LayersModelOptions } from './from-layers-model.js';
export { fromLoss, type LossDefinition } from './from-loss.js';
export { numeric, category, embedding, type CategoryOptions, type EmbeddingOptions, type ModelInput, type NumericOptions } from './inputs.js';
export {
  activate,
  add,
  batchNorm,
  concat,
  dense,
  dropout,
  embed,
  flatten,
  gru,
  layer,
  layerNorm,
  lstm,
  multiply,
  reshape,
  type Activation,
  type SymbolicTensor,
} from './layers.js';
export type { LossFunction, LossName } from './losses.js';
export {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  momentum,
  rmsprop,
  sgd,
  type AdadeltaOptions,
  type AdamaxOptions,
  type AdamOptions,
  type AdamWOptions,
  type MomentumOptions,
  type RmspropOptions,
} from './optimizers.js';
export { firstNonFinite } from './finite.js';
export type { BadRow } from './encode.js';
export type { LayersModel, Tensor, Tfjs, Variable } from './tfjs-types.js';
export type { TrainedModel } from './trained-model.js';
export type { Accepts, AcceptsInputs, FeaturesOf, LabelFields, LabelsOf, Mismatch, Model, ModelInputs, OutputsOf, ScoresOf } from './types.js';
export type * from './trainable.js';
