import type { Logger } from '../../core/logger.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import type { Predictor } from '../predictor.js';
import type { TensorValue } from '../tensor-value.js';
import type { RunProfile } from '../native/index.js';
import type { LayerTime } from '../profile/index.js';
import type { GraphDef } from '../saved-model/index.js';
import type { BadRow } from './encode.js';

/**
 * A model that a cluster can train: what defineModel(), a tf.LayersModel or a loss over tf.Variables become.
 *
 * The definition is data and functions; a thread that needs tensors opens a session of its own.
 */
export interface TrainableModel {
  readonly name: string;
  /** Columns that the forward pass reads. */
  readonly features: readonly string[];
  /** Columns that only the loss reads. */
  readonly labels: readonly string[];
  /** Columns that a prediction adds to its record. */
  readonly outputs: Schema;
  readonly optimizer: OptimizerSpec;
  /** What keeps this model from reading a stream of this schema, one sentence each; labels count where `withLabels`. */
  problems(schema: Schema | undefined, withLabels: boolean): readonly string[];
  /** Rows that the model cannot read: a null or non-finite value where none may be, a category out of range. */
  badRows(batch: RecordBatch, withLabels: boolean): readonly BadRow[];
  /** Opens tfjs and native sessions on the calling thread. @throws SETUP_NEEDED */
  openTraining(options: TrainingSessionOptions): Promise<TrainingSession>;
  /** Traces a training step and measures it on made-up rows. @throws UNSUPPORTED where it cannot be traced; SETUP_NEEDED */
  explainStep(rows: number): Promise<StepExplanation>;
  /** The forward pass over rows; weights can be replaced between calls. */
  openPredictor(options?: ExecutionOptions): Promise<ModelPredictor>;
}

/** A training step as a graph. */
export interface StepExplanation {
  readonly rows: number;
  /** How long tracing and loading took, ms. */
  readonly tracedMs: number;
  readonly loadedMs: number;
  /** The layer that takes longest first. */
  readonly layers: readonly LayerTime[];
  readonly graph: GraphDef;
  readonly profile: RunProfile;
}

/**
 * Where a model runs. 'traced': as a native graph, asynchronously, or on eager tfjs, with one warning that says why, where it
 * cannot be traced. 'eager': on tfjs, which blocks its thread for the length of a call.
 */
export type Execution = 'traced' | 'eager';

export interface ExecutionOptions {
  /** Default 'traced'. */
  readonly execution?: Execution;
  /** Told once where a model cannot be traced. */
  readonly log?: Logger;
}

export interface TrainingSessionOptions extends ExecutionOptions {
  /** Seed of the initial weights and of dropout: equal seeds give equal weights. */
  readonly seed: number;
}

/** One node's copy of a model. Calls must not overlap. */
export interface TrainingSession {
  readonly variables: readonly VariableSpec[];
  /** A copy, by variable name. */
  weights(): Readonly<Record<string, TensorValue>>;
  /**
   * Replaces weights; names and shapes must match. The session goes on reading these arrays, so change them between calls
   * only: in shared memory that is 64-byte aligned they are fed without a copy.
   *
   * @throws SHAPE_MISMATCH before any of them changed
   */
  setWeights(weights: Readonly<Record<string, TensorValue>>): void;
  /** Forward and backward pass over the batch; changes nothing. Gradients are means over the batch, as the loss is. */
  gradients(batch: RecordBatch): Promise<GradientResult>;
  /** Forward pass only, by a native session where the model can be traced: one column per output name, [batch] or [batch, size]. */
  predict(batch: RecordBatch): Promise<Readonly<Record<string, TensorValue>>>;
  close(): Promise<void>;
}

export interface VariableSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32';
  readonly trainable: boolean;
}

export interface GradientResult {
  readonly loss: number;
  /** Forward pass of this very step, before it learned. */
  readonly predictions: Readonly<Record<string, TensorValue>>;
  /** By variable name, float32, same shapes; absent for a variable that the loss does not depend on. */
  readonly gradients: Readonly<Record<string, TensorValue>>;
  /**
   * New values of the variables that are not trainable, such as batch normalization's moving averages. They are values, not
   * gradients: keep the last, or average over workers. Absent where the model has no such variables.
   */
  readonly assigned?: Readonly<Record<string, TensorValue>>;
}

/** Scores rows with replaceable weights: features are taken from columns of the batch. */
export interface ModelPredictor {
  readonly predictor: Predictor;
  /** Columns of the batch as feeds of `predictor`; views where the layout allows it. */
  feeds(batch: RecordBatch): Readonly<Record<string, TensorValue>>;
  setWeights(weights: Readonly<Record<string, TensorValue>>): Promise<void>;
}

/** Optimizers with tfjs's semantics and defaults. */
export type OptimizerSpec =
  | { readonly kind: 'sgd'; readonly learningRate: number }
  | { readonly kind: 'momentum'; readonly learningRate: number; readonly momentum: number; readonly nesterov: boolean }
  | { readonly kind: 'adagrad'; readonly learningRate: number; readonly initialAccumulator: number }
  | { readonly kind: 'adam'; readonly learningRate: number; readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  | {
      readonly kind: 'adamw';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | { readonly kind: 'adadelta'; readonly learningRate: number; readonly rho: number; readonly epsilon: number }
  | {
      readonly kind: 'adamax';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly decay: number;
    }
  | {
      readonly kind: 'rmsprop';
      readonly learningRate: number;
      readonly decay: number;
      readonly momentum: number;
      readonly epsilon: number;
      readonly centered: boolean;
    };
