import type { Counter, Gauge, Histogram, MetricGroup, MetricSample } from '../../core/metrics.js';
import { MillraceError } from '../../core/errors.js';
import type { MetricEntry } from './protocol.js';

/** Room for 4096 values per subtask. */
export const metricsBlockBytes = 32 * 1024;

/**
 * Metrics of one subtask in shared memory: the thread writes float64 values in place, the main thread reads them even
 * while the thread is in a long native call. Names travel once, by message.
 */
export class MetricsBlock {
  readonly #values: Float64Array;
  readonly #announce: (entry: MetricEntry) => void;
  readonly #known = new Map<string, MetricEntry>();
  #next = 0;

  constructor(memory: SharedArrayBuffer, announce: (entry: MetricEntry) => void) {
    this.#values = new Float64Array(memory);
    this.#announce = announce;
  }

  /** A group whose metrics carry `labels`. */
  group(labels: Readonly<Record<string, string>>): MetricGroup {
    const slot = (type: MetricEntry['type'], name: string, help: string, buckets?: readonly number[]): Slot => {
      const entry = this.#entry(type, name, help, labels, buckets);
      return new Slot(this.#values, entry.at, entry.buckets ?? []);
    };
    return {
      counter: (name, help) => slot('counter', name, help),
      gauge: (name, help) => slot('gauge', name, help),
      histogram: (name, help, buckets) => slot('histogram', name, help, buckets),
    };
  }

  #entry(type: MetricEntry['type'], name: string, help: string, labels: MetricEntry['labels'], buckets?: readonly number[]): MetricEntry {
    const key = JSON.stringify([name, labels]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const width = buckets === undefined ? 1 : buckets.length + 2;
    if (this.#next + width > this.#values.length) {
      throw new MillraceError('RESOURCE_EXHAUSTED', `metric ${name}: a subtask has room for ${this.#values.length} values; use fewer metrics or buckets`);
    }
    const entry: MetricEntry = { name, help, type, labels, at: this.#next, ...(buckets === undefined ? {} : { buckets: [...buckets] }) };
    this.#next += width;
    this.#known.set(key, entry);
    this.#announce(entry);
    return entry;
  }
}

class Slot implements Counter, Gauge, Histogram {
  readonly #values: Float64Array;
  readonly #at: number;
  readonly #buckets: readonly number[];

  constructor(values: Float64Array, at: number, buckets: readonly number[]) {
    this.#values = values;
    this.#at = at;
    this.#buckets = buckets;
  }

  add(amount: number): void {
    (this.#values[this.#at] as number) += amount;
  }

  set(value: number): void {
    this.#values[this.#at] = value;
  }

  observe(value: number): void {
    (this.#values[this.#at] as number) += value;
    const found = this.#buckets.findIndex((bound) => value <= bound);
    (this.#values[this.#at + 1 + (found < 0 ? this.#buckets.length : found)] as number) += 1;
  }
}

/** Reads the current value of a metric out of its block. */
export function readMetric(values: Float64Array, entry: MetricEntry, labels: Readonly<Record<string, string>>): MetricSample {
  const base = {
    name: `millrace_${entry.name}`,
    help: entry.help,
    type: entry.type,
    labels: { ...labels, ...entry.labels },
    value: values[entry.at] as number,
  };
  if (entry.buckets === undefined) return base;
  let count = 0;
  const buckets = [...entry.buckets, Infinity].map((le, i) => {
    count += values[entry.at + 1 + i] as number;
    return { le, count };
  });
  return { ...base, buckets };
}
