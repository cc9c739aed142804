import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { MetricSample } from '../core/index.js';

/**
 * Readings of a job as a prom-client registry, read anew at each scrape.
 *
 * Values live where the engine keeps them (shared memory); this class copies none between scrapes, so a scrape shows
 * what is true now and an idle job costs nothing.
 */
export class PrometheusExposition {
  readonly #read: () => readonly MetricSample[];

  constructor(read: () => readonly MetricSample[]) {
    this.#read = read;
  }

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';

  /** The Prometheus text format, version 0.0.4. */
  async text(): Promise<string> {
    // Loaded by the first scrape: most runs have none.
    const { Registry } = await import('prom-client');
    const registry = new Registry();
    for (const [name, samples] of byName(this.#read())) registry.registerMetric(new SampledMetric(name, samples) as never);
    return registry.metrics();
  }
}

function byName(samples: readonly MetricSample[]): Map<string, MetricSample[]> {
  const groups = new Map<string, MetricSample[]>();
  for (const sample of samples) {
    const group = groups.get(sample.name);
    if (group === undefined) groups.set(sample.name, [sample]);
    else group.push(sample);
  }
  return groups;
}

type NamedValue = MetricValue<string> & { metricName?: string };

/** What prom-client asks of a metric: a name and its values. Its own classes cannot be set to a reading of a histogram. */
class SampledMetric {
  readonly name: string;
  readonly #samples: readonly MetricSample[];

  constructor(name: string, samples: readonly MetricSample[]) {
    this.name = name;
    this.#samples = samples;
  }

  get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    const { help, type } = this.#samples[0]!;
    const values = this.#samples.flatMap((sample) =>
      sample.type === 'histogram' ? histogramValues(sample) : [{ value: sample.value, labels: { ...sample.labels } }],
    );
    return Promise.resolve({ name: this.name, help, type, values, aggregator: 'sum' } as unknown as MetricObjectWithValues<MetricValue<string>>);
  }
}

function histogramValues(sample: MetricSample): NamedValue[] {
  const buckets = sample.buckets ?? [];
  const count = buckets.at(-1)?.count ?? 0;
  return [
    ...buckets.map(({ le, count: upTo }) => ({
      metricName: `${sample.name}_bucket`,
      value: upTo,
      labels: { ...sample.labels, le: le === Infinity ? '+Inf' : String(le) },
    })),
    { metricName: `${sample.name}_sum`, value: sample.value, labels: { ...sample.labels } },
    { metricName: `${sample.name}_count`, value: count, labels: { ...sample.labels } },
  ];
}
