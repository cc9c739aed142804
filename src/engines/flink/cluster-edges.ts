import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { FlinkEdge } from './plan.js';

/**
 * Edges from the application manager of a cluster to all that belongs to it, which carry barriers and the end only.
 *
 * ```
 * am ──┬──► worker ───► ps          all of them are one region: Flink restarts them together, with one attempt number
 *      ├──────────────► ps          am's end goes before the end of every node: a checkpoint has the whole cluster
 *      └──► model writer, scorer    ended, or none of it
 * ```
 * Without them a restart would leave the manager with the addresses of nodes that are gone, and a checkpoint might hold a
 * parameter server that looks for a manager which never comes again.
 */
export function clusterEdges({ vertices, edges }: Pick<JobGraph, 'vertices' | 'edges'>): FlinkEdge[] {
  const first = Math.max(-1, ...edges.map(({ id }) => id)) + 1;
  return vertices
    .flatMap((am) =>
      am.operators
        .filter(({ role }) => role === 'am')
        .flatMap(({ cluster }) => vertices.filter((vertex) => vertex !== am && belongsTo(vertex, cluster)).map((vertex) => [am.id, vertex.id] as const)),
    )
    .map(([from, to], i) => ({ id: first + i, from, to, exchange: 'target' }));
}

function belongsTo({ operators }: JobVertex, cluster: string | undefined): boolean {
  return cluster !== undefined && operators.some((operator) => operator.cluster === cluster);
}
