import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterEdges } from '../../../../src/engines/flink/cluster-edges.js';
import { buildGraph, defineJob, planJob } from '../../../../src/stream/index.js';
import { emptySink, emptySource } from '../../stream/test-connectors.js';
import { t } from '../../../../src/memory/schema.js';

const run = { schema: undefined, create: () => ({ open: () => undefined, process: () => undefined }) };

test('an application manager leads to all of its cluster, and to nobody of another one', () => {
  const job = defineJob({
    name: 'two',
    build: ({ source, env }) => {
      const rows = source(emptySource({ n: t.int32() }));
      for (const cluster of ['a', 'b']) {
        env.add({ ...run, kind: 'role', name: `${cluster} am`, role: 'am', cluster, startsChain: true, boundedness: 'bounded' });
        rows.transform({ ...run, kind: 'role', name: `${cluster} worker`, role: 'worker', cluster, startsChain: true });
      }
      rows.transform({ ...run, kind: 'score', name: 'score', cluster: 'b', startsChain: true }).to(emptySink());
    },
  });
  const graph = planJob(buildGraph(job, {}), { parallelism: 1, keyGroups: 16, overrides: {} });
  const name = (id: number): string => graph.vertices[id]?.operators[0]?.name ?? '';
  const edges = clusterEdges(graph);
  assert.deepEqual(
    edges.map(({ from, to, exchange }) => `${name(from)} > ${name(to)}: ${exchange}`),
    ['a am > a worker: target', 'b am > b worker: target', 'b am > score: target'],
  );
  const ids = [...graph.edges, ...edges].map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(clusterEdges({ ...graph, vertices: graph.vertices.filter(({ operators }) => operators[0]?.role === undefined) }), []);
});
