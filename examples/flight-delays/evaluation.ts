import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RecordBatch, SinkConnector, SubtaskContext } from 'millrace';
import { Predictions } from './predictions.js';

interface Prediction {
  readonly date: Date;
  readonly late: boolean;
  readonly probability: number;
}

/** Results over the last part of the stream. */
export interface Evaluation {
  readonly examples: number;
  /** Area under the ROC curve. */
  readonly auc: number;
  readonly logLoss: number;
  /** Share of late flights. */
  readonly baseRate: number;
}

export interface SummaryOptions {
  readonly path: string;
  /** The last part of the stream that counts, 0..1. */
  readonly lastShare: number;
  /** Copied into the summary. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A sink of one's own: keeps the predictions that may count, and when the stream has ended writes what they were worth. */
export function summary({ path, lastShare, facts }: SummaryOptions): SinkConnector<Prediction> {
  return {
    name: 'summary',
    maxParallelism: 1,
    notes: [path, `last ${lastShare * 100} % of the stream`],
    create() {
      const predictions = new Predictions(lastShare);
      let context: SubtaskContext;
      let startedMs = 0;
      return {
        open(opened, restored) {
          context = opened;
          startedMs = context.clock.now();
          for (const { bytes } of restored) {
            if (bytes.length === 8) startedMs = Buffer.from(bytes).readDoubleLE();
            else predictions.restore(bytes);
          }
        },
        process(batch: RecordBatch) {
          const rows = batch as unknown as RecordBatch<Record<keyof Prediction, unknown>>;
          const dates = rows.column('date');
          const labels = rows.column('late');
          const scores = rows.column('probability');
          for (let i = 0; i < rows.length; i++)
            predictions.add(Math.floor((dates.get(i) as Date).getTime() / 1000), labels.get(i) as boolean, scores.get(i) as number);
        },
        freeze() {
          const started = Buffer.alloc(8);
          started.writeDoubleLE(startedMs);
          const chunks = [started, ...predictions.snapshot()].map((bytes) => ({ keyGroup: -1, bytes }));
          return { parts: () => chunks };
        },
        endOfInput() {
          const tail = predictions.tail();
          const seconds = (context.clock.now() - startedMs) / 1000;
          const result = evaluate(tail.probabilities, tail.late);
          const examplesPerSecond = Math.round(predictions.length / seconds);
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(`${path}.tmp`, `${JSON.stringify({ ...result, predictions: predictions.length, seconds, examplesPerSecond, ...facts }, null, 2)}\n`);
          renameSync(`${path}.tmp`, path);
          context.report('console', [
            `AUC ${result.auc.toFixed(4)}, log loss ${result.logLoss.toFixed(4)} over the last ${tail.late.length} flights; ${predictions.length} flights, ${examplesPerSecond} examples/s`,
            `written: ${[path, ...Object.values(facts).filter((fact) => typeof fact === 'string')].join(', ')}`,
          ]);
        },
      };
    },
  };
}

/** AUC by ranks (ties count half: Mann and Whitney 1947) and mean log loss. */
export function evaluate(probabilities: readonly number[], late: readonly boolean[]): Evaluation {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a]! - probabilities[b]!);
  let rankSum = 0;
  let positives = 0;
  let loss = 0;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && probabilities[order[to]!] === probabilities[order[from]!]) to++;
    const rank = (from + to + 1) / 2;
    for (let k = from; k < to; k++) {
      const i = order[k]!;
      const p = Math.min(1 - 1e-7, Math.max(1e-7, probabilities[i]!));
      loss -= Math.log(late[i] === true ? p : 1 - p);
      if (late[i] === true) {
        rankSum += rank;
        positives++;
      }
    }
    from = to;
  }
  const negatives = order.length - positives;
  return {
    examples: order.length,
    auc: (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives),
    logLoss: loss / order.length,
    baseRate: positives / order.length,
  };
}
