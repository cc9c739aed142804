import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportedMetrics } from '../../../../../src/engines/flink/host/metrics-report.js';
import { MetricsBlock, metricsBlockBytes } from '../../../../../src/engines/runtime/metrics-block.js';
import type { MetricEntry } from '../../../../../src/engines/runtime/protocol.js';

test('metrics are named by operator; a histogram is its sum and count; what is no number yet is left out', () => {
  const memory = new SharedArrayBuffer(metricsBlockBytes);
  const entries: MetricEntry[] = [];
  const block = new MetricsBlock(memory, (entry) => entries.push(entry));
  const operator = block.group({ operator: 'Count by key', uid: 'count' });
  operator.counter('records_in_total', '').add(3);
  operator.gauge('watermark_seconds', '').set(NaN);
  const seconds = operator.histogram('call_seconds', '', [1, 2]);
  for (const value of [0.5, 1.5, 9]) seconds.observe(value);
  block.group({ chain: 'a -> b' }).counter('busy_seconds_total', '').add(0.5);
  assert.deepEqual(reportedMetrics(entries, new Float64Array(memory)), [
    { name: 'count.records_in_total', type: 'counter', value: 3 },
    { name: 'count.call_seconds_sum', type: 'counter', value: 11 },
    { name: 'count.call_seconds_count', type: 'counter', value: 3 },
    { name: 'chain.busy_seconds_total', type: 'counter', value: 0.5 },
  ]);
});
