import { readMetric } from '../../runtime/metrics-block.js';
import type { MetricEntry } from '../../runtime/protocol.js';

/** A value for Flink's metrics. */
export interface ReportedMetric {
  /** '<uid of the operator>.<name>'; 'chain.<name>' for those of the whole subtask. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
}

/** Reads all metrics of a subtask. A histogram becomes its sum and its count; what is not a number yet is left out. */
export function reportedMetrics(entries: readonly MetricEntry[], values: Float64Array): ReportedMetric[] {
  return entries
    .flatMap((entry): ReportedMetric[] => {
      const name = `${entry.labels['uid'] ?? 'chain'}.${entry.name}`;
      const { value, buckets } = readMetric(values, entry, {});
      if (entry.type !== 'histogram') return [{ name, type: entry.type, value }];
      return [
        { name: `${name}_sum`, type: 'counter', value },
        { name: `${name}_count`, type: 'counter', value: buckets?.at(-1)?.count ?? 0 },
      ];
    })
    .filter(({ value }) => Number.isFinite(value));
}
