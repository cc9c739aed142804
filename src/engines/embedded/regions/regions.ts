import type { JobGraph, JobVertex } from '../../../stream/job-graph.js';

/** A part of a job that restarts together. The same operators whatever their parallelism is. */
export interface Region {
  /** Uid of its first operator. */
  readonly name: string;
  /** Uids. */
  readonly operators: ReadonlySet<string>;
}

/**
 * The regions of a job (pipelined regions of Flink, FLIP-1): connected components of its graph, in the order of their first
 * vertices. Edges of every kind connect, and so does a cluster: its nodes and those who read its model talk beside the graph.
 *
 * ```
 * numbers ──► count ──► sink          │  am ┈┈ worker ──► ps ┈┈ score      ┈┈ the same cluster
 *        region 'numbers'             │        region 'am'
 * ```
 * A vertex is in one region with all its subtasks: they find each other (who has which partition), and what a cut holds of
 * them is dealt out over all of them.
 */
export function regionsOf({ vertices, edges }: Pick<JobGraph, 'vertices' | 'edges'>): readonly Region[] {
  const parts = vertices.map((_, id) => id);
  const partOf = (id: number): number => (parts[id] === id ? id : partOf(parts[id] as number));
  const connect = (a: number, b: number): void => {
    const [first, second] = [partOf(a), partOf(b)];
    parts[Math.max(first, second)] = Math.min(first, second);
  };
  for (const { from, to } of edges) connect(from, to);
  const clusters = new Map<string, number>();
  for (const { id, operators } of vertices) {
    for (const { cluster, role } of operators) {
      // Roles of no cluster that is known may look for each other, too.
      const name = cluster ?? (role === undefined ? undefined : '');
      if (name === undefined) continue;
      connect(id, clusters.get(name) ?? id);
      clusters.set(name, id);
    }
  }
  const members = new Map<number, string[]>();
  for (const { id, operators } of vertices) {
    const uids = operators.map(({ uid }) => uid);
    members.set(partOf(id), [...(members.get(partOf(id)) ?? []), ...uids]);
  }
  return [...members.values()].map((uids) => ({ name: uids[0] as string, operators: new Set(uids) }));
}

export function isIn({ operators }: Region, vertex: JobVertex): boolean {
  return operators.has((vertex.operators[0] as { uid: string }).uid);
}
