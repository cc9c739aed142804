import { noMetrics, type MetricGroup } from '../../core/metrics.js';
import type { TraceStats } from './traced-function.js';

/** What a traced function has done, for its caller and as metrics. */
export class TraceCounts {
  readonly #stats = { builds: 0, cached: 0, calls: 0, eagerCalls: 0 };
  readonly #metrics;

  constructor(metrics: MetricGroup = noMetrics) {
    this.#metrics = {
      builds: metrics.counter('trace_builds_total', 'Functions traced into graphs, once for each set of input shapes.'),
      cached: metrics.gauge('trace_cached', 'Traces that can be called now.'),
      calls: metrics.counter('trace_calls_total', 'Calls of traced functions.'),
      eagerCalls: metrics.counter('trace_eager_calls_total', 'Calls of traced functions that ran on eager TensorFlow.js.'),
    };
  }

  get stats(): TraceStats {
    return { ...this.#stats };
  }

  built(cached: number): void {
    this.#stats.builds += 1;
    this.#stats.cached = cached;
    this.#metrics.builds.add(1);
    this.#metrics.cached.set(cached);
  }

  called(): void {
    this.#stats.calls += 1;
    this.#metrics.calls.add(1);
  }

  calledEagerly(): void {
    this.called();
    this.#stats.eagerCalls += 1;
    this.#metrics.eagerCalls.add(1);
  }
}
