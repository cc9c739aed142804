import type { RecordBatch } from '../memory/batch.js';
import type { Schema } from '../memory/schema.js';
import type { BadRow } from '../tensorflow/model/index.js';
import type { ModelFeedContext } from '../tensorflow/predictor.js';
import type { TensorValue } from '../tensorflow/tensor-value.js';

export type Values = Readonly<Record<string, TensorValue>>;

/** What a score operator knows of a model while the graph is built. */
export interface ScorerDefinition {
  /** For messages and explain: 'SavedModel ./model', 'model lateness'. */
  readonly title: string;
  /** Columns that scoring adds. */
  readonly outputs: Schema;
  /** What keeps the model from reading rows of this schema, one sentence each. */
  problems(schema: Schema | undefined): readonly string[];
  /** @throws what opening a model can throw: FILE_NOT_FOUND, MODEL_INVALID, SETUP_NEEDED, DEADLINE_EXCEEDED */
  open(context: ScorerContext): Promise<Scorer>;
}

export interface ScorerContext extends ModelFeedContext {
  /** Something went wrong outside a call. */
  fail(error: unknown): void;
  /** A newer version of the model is served from now on. */
  onVersion(version: number): void;
}

/** A model, open on this thread. */
export interface Scorer {
  /** Rows that the model cannot read. */
  badRows(batch: RecordBatch): readonly BadRow[];
  /** Columns as tensors, by input name; views of the batch's memory where the layouts agree. */
  feeds(batch: RecordBatch): Values;
  run(feeds: Values): Promise<Scored>;
  close(): Promise<void>;
}

export interface Scored {
  /** By output name. */
  readonly outputs: Values;
  /** The version that made them; 0 for a model without versions. */
  readonly version: number;
}
