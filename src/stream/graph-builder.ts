import { MillraceError } from '../core/errors.js';
import type { Edge, Exchange, GraphProblem, LogicalGraph, OperatorNode } from './graph.js';

/** What a caller says of a new operator; the rest has defaults. */
export interface OperatorSpec extends Pick<OperatorNode, 'kind' | 'schema' | 'create'>, Undefinable<Omit<OperatorNode, 'id' | 'kind' | 'schema' | 'create'>> {}

type Undefinable<T> = { [K in keyof T]?: T[K] | undefined };

export interface InputSpec {
  readonly from: number;
  readonly exchange: Exchange;
  readonly tag?: string | undefined;
  readonly feedback?: boolean;
}

/** Collects operators and edges while a job's build function runs. After `build()` it refuses more. */
export class GraphBuilder {
  readonly #nodes: OperatorNode[] = [];
  readonly #edges: Edge[] = [];
  readonly #problems: GraphProblem[] = [];
  readonly #checks: (() => void)[] = [];
  readonly #derived = new Set<number>();
  #sealed = false;

  /** Adds an operator reading `inputs` in order; returns its id. */
  add(spec: OperatorSpec, inputs: readonly InputSpec[]): number {
    if (this.#sealed) throw new MillraceError('GRAPH_INVALID', `operator ${spec.name ?? spec.kind}: the graph is built already; add operators inside build()`);
    const id = this.#nodes.length;
    const name = spec.name ?? spec.kind;
    if (spec.uid === undefined) this.#derived.add(id);
    this.#nodes.push({
      id,
      // Derived uids count equal names, so that adding an operator elsewhere leaves the others' state in place.
      uid: spec.uid ?? this.#derivedUid(name),
      name,
      kind: spec.kind,
      parallelism: spec.parallelism,
      maxParallelism: spec.maxParallelism,
      schema: spec.schema,
      sideOutputs: spec.sideOutputs ?? {},
      reads: spec.reads,
      passesColumns: spec.passesColumns ?? false,
      startsChain: spec.startsChain ?? false,
      boundedness: spec.boundedness,
      role: spec.role,
      cluster: spec.cluster,
      isolation: spec.isolation ?? 'thread',
      resumes: spec.resumes,
      notes: spec.notes ?? [],
      copies: spec.copies ?? [],
      trace: spec.trace,
      create: spec.create,
    });
    inputs.forEach((input, index) => {
      this.connect(id, index, input);
    });
    return id;
  }

  /** Adds an edge to an operator that exists; the way a feedback or control edge is made. */
  connect(to: number, input: number, { from, exchange, tag, feedback }: InputSpec): void {
    this.#edges.push({ from, to, input, exchange, tag, feedback: feedback ?? false });
  }

  /** Records a problem; planning reports all of them at once. */
  problem(operator: string | undefined, message: string): void {
    this.#problems.push({ operator, message });
  }

  /** Problems recorded so far. */
  get problems(): readonly GraphProblem[] {
    return this.#problems;
  }

  /** Runs `check` when the job's build function has returned: for what can only be said of the whole graph. */
  whenBuilt(check: () => void): void {
    this.#checks.push(check);
  }

  node(id: number): OperatorNode {
    const node = this.#nodes[id];
    if (node === undefined) throw new MillraceError('INTERNAL', `no operator ${id} in this graph`);
    return node;
  }

  /** Changes what was said of an operator while the graph is still being built; a derived uid follows the name. */
  amend(id: number, change: Partial<Pick<OperatorNode, 'uid' | 'name' | 'parallelism' | 'notes' | 'sideOutputs' | 'startsChain' | 'isolation'>>): void {
    if (change.uid !== undefined) this.#derived.delete(id);
    const renamed = change.name !== undefined && this.#derived.has(id) ? { uid: this.#derivedUid(change.name, id) } : {};
    this.#nodes[id] = { ...this.node(id), ...renamed, ...change };
  }

  build(): LogicalGraph {
    if (!this.#sealed) for (const check of this.#checks) check();
    this.#sealed = true;
    return { nodes: [...this.#nodes], edges: [...this.#edges], problems: [...this.#problems] };
  }

  #derivedUid(name: string, except?: number): string {
    const base =
      name
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-|-$/g, '') || 'operator';
    const taken = new Set(this.#nodes.filter((node) => node.id !== except).map((node) => node.uid));
    for (let n = 1; ; n++) {
      const uid = n === 1 ? base : `${base}-${n}`;
      if (!taken.has(uid)) return uid;
    }
  }
}
