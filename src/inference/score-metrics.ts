import type { Counter, Gauge, Histogram, MetricGroup } from '../core/metrics.js';

export interface ScoreMetrics {
  readonly rows: Counter;
  readonly badRows: Counter;
  readonly version: Gauge;
  readonly batchRows: Histogram;
  readonly runSeconds: Histogram;
}

export function scoreMetrics(metrics: MetricGroup): ScoreMetrics {
  return {
    rows: metrics.counter('score_rows_total', 'Rows scored.'),
    badRows: metrics.counter('score_bad_rows_total', 'Rows that the model could not read.'),
    version: metrics.gauge('score_model_version', 'Version of the model that is served.'),
    batchRows: metrics.histogram('score_batch_rows', 'Rows per call of the model.', [1, 4, 16, 64, 256, 1024, 4096]),
    runSeconds: metrics.histogram('score_run_seconds', 'Time of one call of the model.', [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]),
  };
}
