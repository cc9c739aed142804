/**
 * Metrics as a port. Names and units follow Prometheus (snake_case, base units: seconds, bytes; counters end in
 * `_total`). The engine adds `millrace_` and the labels job, operator, subtask; a group never repeats them.
 *
 * Values lie in shared memory where the engine can do so, so that a reader sees them while a thread is in a long call.
 */
export interface MetricGroup {
  /** Only grows. */
  counter(name: string, help: string): Counter;
  /** Goes up and down. */
  gauge(name: string, help: string): Gauge;
  /** Counts observations into buckets; give upper bounds in ascending order. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
}

export interface Counter {
  add(amount: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** For tests and code that runs outside an engine. */
export const noMetrics: MetricGroup = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
};

/** One metric of one subtask at one moment, as an engine hands it out. */
export interface MetricSample {
  /** Full name, `millrace_` included. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Histograms: cumulative counts by upper bound; `value` is the sum of observations. */
  readonly buckets?: readonly { readonly le: number; readonly count: number }[];
}
