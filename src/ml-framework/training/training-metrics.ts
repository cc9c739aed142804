import { t, type Infer } from '../../memory/schema.js';

/** Side output of the workers. */
export const metricsTag = 'metrics';

/** Means over the last few steps of one worker. */
export const trainingMetricsSchema = {
  worker: t.int32(),
  /** Updates applied to the model so far, by all workers. */
  step: t.int64(),
  loss: t.float64(),
  /** Examples learned since the last record. */
  examples: t.int64(),
  examplesPerSecond: t.float64(),
};

export type TrainingMetrics = Infer<typeof trainingMetricsSchema>;
