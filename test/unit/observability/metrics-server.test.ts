import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricSample } from '../../../src/core/index.js';
import { isMillraceError } from '../../../src/core/index.js';
import { PrometheusExposition, startMetricsServer } from '../../../src/observability/index.js';

const samples: MetricSample[] = [
  { name: 'millrace_records_in_total', help: 'Records read.', type: 'counter', labels: { operator: 'map', subtask: '0' }, value: 3 },
  { name: 'millrace_records_in_total', help: 'Records read.', type: 'counter', labels: { operator: 'map', subtask: '1' }, value: 4 },
  {
    name: 'millrace_run_seconds',
    help: 'Time of a run.',
    type: 'histogram',
    labels: { operator: 'score' },
    value: 0.5,
    buckets: [
      { le: 0.1, count: 1 },
      { le: Infinity, count: 2 },
    ],
  },
];

test('/metrics shows each reading once, in the text format of Prometheus', async () => {
  const server = await startMetricsServer({ exposition: new PrometheusExposition(() => samples) });
  try {
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const response = await fetch(server.url);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split('\n');
    assert.ok(lines.includes('# TYPE millrace_records_in_total counter'));
    assert.ok(lines.includes('millrace_records_in_total{operator="map",subtask="1"} 4'));
    assert.ok(lines.includes('millrace_run_seconds_bucket{operator="score",le="+Inf"} 2'));
    assert.ok(lines.includes('millrace_run_seconds_sum{operator="score"} 0.5'));
    assert.ok(lines.includes('millrace_run_seconds_count{operator="score"} 2'));
    assert.equal(lines.filter((line) => line.startsWith('# HELP millrace_records_in_total')).length, 1);
  } finally {
    await server.close();
  }
});

test('a scrape shows values as they are then', async () => {
  let value = 1;
  const exposition = new PrometheusExposition(() => [{ name: 'millrace_watermark', help: 'h', type: 'gauge', labels: {}, value }]);
  assert.match(await exposition.text(), /^millrace_watermark 1$/m);
  value = 2;
  assert.match(await exposition.text(), /^millrace_watermark 2$/m);
});

test('a port in use is an error that names the address and the way out', async () => {
  const exposition = new PrometheusExposition(() => []);
  const first = await startMetricsServer({ exposition });
  const port = Number(new URL(first.url).port);
  try {
    await assert.rejects(startMetricsServer({ exposition, port }), (error: unknown) => {
      assert.ok(isMillraceError(error));
      assert.equal(error.code, 'PORT_IN_USE');
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*another port`));
      return true;
    });
  } finally {
    await first.close();
  }
});
