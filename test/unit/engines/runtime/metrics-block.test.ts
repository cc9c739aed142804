import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsBlock, metricsBlockBytes, readMetric } from '../../../../src/engines/runtime/metrics-block.js';
import type { MetricEntry } from '../../../../src/engines/runtime/protocol.js';

test('what a thread writes is read out of the shared block', () => {
  const memory = new SharedArrayBuffer(metricsBlockBytes);
  const entries: MetricEntry[] = [];
  const group = new MetricsBlock(memory, (entry) => entries.push(entry)).group({ uid: 'a' });
  group.counter('things_total', 'Things.').add(2);
  group.counter('things_total', 'Things.').add(3);
  group.gauge('level', 'Level.').set(-1.5);
  const histogram = group.histogram('latency_seconds', 'Latency.', [0.1, 1]);
  for (const value of [0.05, 0.5, 0.5, 7]) histogram.observe(value);

  const values = new Float64Array(memory);
  const samples = entries.map((entry) => readMetric(values, entry, { job: 'j' }));
  assert.deepEqual(
    samples.map(({ name, value }) => [name, value]),
    [
      ['millrace_things_total', 5],
      ['millrace_level', -1.5],
      ['millrace_latency_seconds', 8.05],
    ],
  );
  assert.deepEqual(samples[0]?.labels, { job: 'j', uid: 'a' });
  assert.deepEqual(samples[2]?.buckets, [
    { le: 0.1, count: 1 },
    { le: 1, count: 3 },
    { le: Infinity, count: 4 },
  ]);
});

test('more metrics than the block can hold are refused by name', () => {
  const group = new MetricsBlock(new SharedArrayBuffer(16), () => undefined).group({});
  group.gauge('a', '');
  group.gauge('b', '');
  assert.throws(() => group.gauge('c', ''), { code: 'RESOURCE_EXHAUSTED', message: /metric c/ });
});
