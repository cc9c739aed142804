import type { Edge, GraphProblem, OperatorNode } from './graph.js';

/**
 * The planned graph: operators fused into chains, chains with a parallelism, edges between chains. Planning is a pure
 * function of the logical graph and the parallelism settings, so every thread comes to the same one.
 */
export interface JobGraph {
  readonly vertices: readonly JobVertex[];
  readonly edges: readonly JobEdge[];
  readonly keyGroups: number;
  /** Hash of everything that must agree between threads: uids, kinds, schemas, edges, parallelism. */
  readonly fingerprint: string;
  /** What works but is probably not meant: a source nobody reads, rows without a schema between threads. */
  readonly warnings: readonly GraphProblem[];
}

/** A chain: a tree of operators that run in one subtask; batches pass between them by call. */
export interface JobVertex {
  readonly id: number;
  readonly name: string;
  readonly parallelism: number;
  /** In topological order; the first one is the head and has the vertex's inputs. */
  readonly operators: readonly OperatorNode[];
  /** Edges between operators of the chain (all forward). */
  readonly inner: readonly Edge[];
}

export interface JobEdge {
  readonly id: number;
  /** With the exchange that runs: an implied forward between unequal parallelisms is a rebalance here. */
  readonly edge: Edge;
  readonly from: number;
  readonly to: number;
  /** Columns that cross; undefined: all. */
  readonly columns: readonly string[] | undefined;
}

export interface PlanOptions {
  readonly parallelism: number;
  readonly keyGroups: number;
  /** Operator uid or role name -> parallelism. @throws OPTION_INVALID for a name that the graph lacks */
  readonly overrides: Readonly<Record<string, number>>;
  /**
   * True for an engine that keeps state by chain: what is fused follows from the graph alone, never from a parallelism that
   * may change, and an override of one operator is one of its whole chain. Default false: whatever runs equally wide is fused.
   */
  readonly fixedChains?: boolean;
}
