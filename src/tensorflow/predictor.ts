import type { Clock, Logger } from '../core/index.js';
import type { Signature, TensorValue } from './tensor-value.js';

/**
 * Something that scores: a signature and an asynchronous call over batches. A SavedModel's session and a model traced
 * from tfjs are both predictors; inference knows only this.
 */
export interface Predictor {
  readonly signature: Signature;
  /** Feeds and results by the signature's names, shapes [batch, ...]. @throws SHAPE_MISMATCH, TENSORFLOW */
  run(feeds: Readonly<Record<string, TensorValue>>): Promise<Readonly<Record<string, TensorValue>>>;
  /** Releases the native memory once calls in flight have ended. */
  close(): Promise<void>;
}

/** One published version of a model that trains. Immutable. */
export interface ModelVersion {
  /** 0 is the initial weights. */
  readonly version: number;
  /** Steps applied when it was taken. */
  readonly step: number;
  /** Weights by variable name. */
  readonly weights: Readonly<Record<string, TensorValue>>;
  /** True for the last one, at the end of training. */
  readonly final: boolean;
}

/**
 * The handle that train() returns and score() takes: the way from a training cluster to a scorer, outside the dataflow.
 * The training side implements it; the scoring side only opens it, on its own thread.
 */
export interface ModelFeedFactory {
  /** Name of the cluster that trains the model: who reads it is restarted with it. */
  readonly cluster?: string;
  open(context: ModelFeedContext): Promise<ModelFeed>;
}

/** The part of a subtask's context that a feed needs. */
export interface ModelFeedContext {
  readonly rendezvous: { lookup(key: string, deadlineMs: number): Promise<string> };
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface ModelFeed {
  /** The newest version; waits for version 0, which training publishes when it opens. @throws DEADLINE_EXCEEDED */
  latest(deadlineMs: number): Promise<ModelVersion>;
  /** Called for each newer version, newest wins. */
  onVersion(listener: (version: ModelVersion) => void): void;
  close(): Promise<void>;
}
