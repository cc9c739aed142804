import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../../src/connectors/index.js';
import type { LogRecord } from '../../../../src/core/index.js';
import { createEmbeddedEngine, loadJob } from '../../../../src/engines/embedded/index.js';
import type { TrainingMetrics } from '../../../../src/ml-framework/index.js';
import type { DeadLetter } from '../../../../src/stream/connector.js';
import type { RunningJob } from '../../../../src/stream/engine.js';
import { buildGraph } from '../../../../src/stream/job.js';

export interface Prediction {
  readonly n: number;
  readonly label: boolean;
  readonly probability: number;
}

/** A job of train-job.ts that runs, and what it has given so far. */
export interface StartedTraining {
  readonly job: RunningJob;
  readonly predictions: Collector<Prediction>;
  readonly metrics: Collector<TrainingMetrics>;
  readonly deadLetters: Collector<DeadLetter>;
  readonly logs: readonly LogRecord[];
}

/** Starts train-job.ts with these parameters on an engine of its own. */
export async function startTraining(params: Record<string, unknown>): Promise<StartedTraining> {
  const path = fileURLToPath(new URL('./train-job.js', import.meta.url));
  const definition = await loadJob({ path });
  const predictions = new Collector<Prediction>('predictions');
  const metrics = new Collector<TrainingMetrics>('metrics');
  const deadLetters = new Collector<DeadLetter>('deadLetters');
  const logs: LogRecord[] = [];
  const job = await createEmbeddedEngine().submit({
    id: 'train-test',
    name: 'train',
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'test' },
    params,
    parallelism: 1,
    keyGroups: 128,
    overrides: {},
    log: (record) => void logs.push(record),
    onReport: (report) => {
      predictions.accept(report);
      metrics.accept(report);
      deadLetters.accept(report);
    },
  });
  return { job, predictions, metrics, deadLetters, logs };
}

/** Every record was predicted, and learned, once. */
export function assertOnce({ predictions, metrics }: StartedTraining, records: number): void {
  assert.deepEqual(
    predictions.rows.map(({ n }) => n).sort((a, b) => a - b),
    Array.from({ length: records }, (_, n) => n),
  );
  assert.equal(
    metrics.rows.reduce((sum, { examples }) => sum + examples, 0),
    records,
  );
}
