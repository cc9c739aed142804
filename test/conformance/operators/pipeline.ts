import type { Edge, LogicalGraph, OperatorNode } from '../../../src/stream/graph.js';
import { resultSink } from './case-job.js';

/** The part of a job that is one case. */
export class Pipeline {
  constructor(
    /** The collector of its result. */
    readonly sink: OperatorNode,
    readonly nodes: readonly OperatorNode[],
    readonly edges: readonly Edge[],
  ) {}

  /** Subtasks of its sources. */
  sources(overrides: Readonly<Record<string, number>>): number {
    return this.nodes.filter(({ kind }) => kind === 'source').reduce((sum, { uid }) => sum + (overrides[uid] ?? 1), 0);
  }
}

/** What is connected with the sink of a pipeline's result. */
export function pipelineOf({ nodes, edges }: LogicalGraph, index: number): Pipeline {
  const sink = nodes.find(({ name }) => name === resultSink(index));
  if (sink === undefined) throw new Error(`the job has no result ${index}`);
  const found = new Set([sink.id]);
  for (const id of found) {
    for (const { from, to } of edges) {
      if (from === id) found.add(to);
      if (to === id) found.add(from);
    }
  }
  return new Pipeline(
    sink,
    nodes.filter(({ id }) => found.has(id)),
    edges.filter(({ from }) => found.has(from)),
  );
}

/**
 * Where rows of a key must keep their order (behind a hash exchange), the operators ahead of it stay at parallelism 1;
 * elsewhere every operator has the parallelism, the sources too. Sinks are single.
 */
export function parallelisms({ nodes, edges }: Pipeline, parallelism: number): Record<string, number> {
  const keyed = new Set<number>();
  for (const edge of edges) if (edge.exchange.kind === 'hash' || keyed.has(edge.from)) keyed.add(edge.to);
  const follows = new Set(edges.filter(({ exchange }) => exchange.kind === 'forward' && exchange.explicit === true).map(({ to }) => to));
  const scaled = nodes.filter(({ id, kind }) => kind !== 'sink' && !follows.has(id) && (keyed.size === 0 || keyed.has(id)));
  return Object.fromEntries(scaled.map(({ uid }) => [uid, parallelism]));
}

/** uid of the operator that makes the result; where that takes over the parallelism of its input, of the input. */
export function subjectOf({ sink, nodes, edges }: Pipeline): string {
  let node = edges.find(({ to }) => to === sink.id)?.from;
  for (;;) {
    const forward = edges.find(({ to, exchange }) => to === node && exchange.kind === 'forward' && exchange.explicit === true);
    if (forward === undefined) break;
    node = forward.from;
  }
  const uid = nodes.find(({ id }) => id === node)?.uid;
  if (uid === undefined) throw new Error('the job has no result');
  return uid;
}
