import { formatField, type Schema } from '../../memory/schema.js';
import type { Edge, GraphProblem, OperatorNode } from '../graph.js';
import type { Isolation } from '../graph.js';
import type { JobEdge, JobGraph, JobVertex } from '../job-graph.js';
import { formatExchange } from '../planner/fingerprint.js';

/** What `millrace explain` knows of a planned job; JSON-safe. */
export interface ExplainedJob {
  readonly name: string;
  readonly keyGroups: number;
  readonly fingerprint: string;
  readonly chains: readonly ExplainedChain[];
  readonly exchanges: readonly ExplainedExchange[];
  readonly warnings: readonly GraphProblem[];
}

/** Operators that run in one subtask, times parallelism. */
export interface ExplainedChain {
  /** From 1. */
  readonly id: number;
  readonly parallelism: number;
  readonly operators: readonly ExplainedOperator[];
}

/** Column -> type, as formatField writes it. */
export type ExplainedColumns = Readonly<Record<string, string>>;

export interface ExplainedOperator {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly role: string | undefined;
  readonly isolation: Isolation;
  /** Where its records come from within the chain; undefined for the head. */
  readonly chainedTo: { readonly uid: string; readonly tag: string | undefined } | undefined;
  /** True where its output is columns; false: JavaScript objects; undefined: it has no output. */
  readonly isColumnar: boolean | undefined;
  /** Of the main output; undefined for objects. */
  readonly columns: ExplainedColumns | undefined;
  readonly sideOutputs: Readonly<Record<string, ExplainedColumns | undefined>>;
  readonly boundedness: 'bounded' | 'unbounded' | undefined;
  readonly maxParallelism: number | undefined;
  readonly notes: readonly string[];
  /** Where it copies or makes bytes. */
  readonly copies: readonly string[];
}

/** Records (or, for a control edge, marks only) going from one chain to another through channels. */
export interface ExplainedExchange {
  readonly from: string;
  readonly to: string;
  readonly fromChain: number;
  readonly toChain: number;
  readonly tag: string | undefined;
  /** 'forward', 'rebalance', 'broadcast', 'hash(origin)', 'control' */
  readonly exchange: string;
  readonly channelCount: number;
  /** Columns that cross; undefined for objects and control edges. */
  readonly columns: readonly string[] | undefined;
  /** Columns left behind, because nobody behind the exchange needs them. */
  readonly dropped: readonly string[];
  /** What becomes of the bytes. */
  readonly copies: readonly string[];
}

/** Explains a planned job: operators, types, chains, exchanges, what is columnar and where bytes are copied. */
export function explainJob(name: string, graph: JobGraph): ExplainedJob {
  const nodes = new Map(graph.vertices.flatMap((vertex) => vertex.operators.map((node) => [node.id, node])));
  const chains = graph.vertices.map((vertex) => ({
    id: vertex.id + 1,
    parallelism: vertex.parallelism,
    operators: vertex.operators.map((node) => explainOperator(node, vertex, nodes)),
  }));
  const exchanges = graph.edges.map((edge) => explainExchange(edge, graph, nodes));
  return { name, keyGroups: graph.keyGroups, fingerprint: graph.fingerprint, chains, exchanges, warnings: graph.warnings };
}

type Nodes = ReadonlyMap<number, OperatorNode>;

function explainOperator(node: OperatorNode, { inner }: JobVertex, nodes: Nodes): ExplainedOperator {
  const input = inner.find((edge) => edge.to === node.id);
  const { uid, name, kind, role, isolation, boundedness, maxParallelism, notes, copies } = node;
  return {
    uid,
    name,
    kind,
    role,
    isolation,
    chainedTo: input === undefined ? undefined : { uid: nodes.get(input.from)?.uid ?? '', tag: input.tag },
    isColumnar: kind === 'sink' ? undefined : node.schema !== undefined,
    columns: columnsOf(node.schema),
    sideOutputs: Object.fromEntries(Object.entries(node.sideOutputs).map(([tag, schema]) => [tag, columnsOf(schema)])),
    boundedness,
    maxParallelism,
    notes,
    copies,
  };
}

function explainExchange({ edge, from, to, columns }: JobEdge, graph: JobGraph, nodes: Nodes): ExplainedExchange {
  const [source, target] = [nodes.get(edge.from) as OperatorNode, nodes.get(edge.to) as OperatorNode];
  const [fromCount, toCount] = [graph.vertices[from]?.parallelism ?? 1, graph.vertices[to]?.parallelism ?? 1];
  const schema = edge.tag === undefined ? source.schema : source.sideOutputs[edge.tag];
  const all = schema === undefined || edge.exchange.kind === 'control' ? undefined : Object.keys(schema);
  return {
    from: source.uid,
    to: target.uid,
    fromChain: from + 1,
    toChain: to + 1,
    tag: edge.tag,
    exchange: formatExchange(edge.exchange),
    channelCount: edge.exchange.kind === 'forward' ? fromCount : fromCount * toCount,
    columns: columns ?? all,
    dropped: all?.filter((name) => columns !== undefined && !columns.includes(name)) ?? [],
    copies: [
      ...exchangeCopies(edge, schema !== undefined, toCount),
      ...([source, target].some(({ isolation }) => isolation === 'process') ? ['through a socket'] : []),
    ],
  };
}

function exchangeCopies({ exchange }: Edge, isColumnar: boolean, targets: number): readonly string[] {
  if (exchange.kind === 'control') return ['barriers, watermarks and the end only'];
  const copied = isColumnar ? 'copied as columns' : 'serialized object by object';
  if (exchange.kind === 'broadcast') return [`${copied} for each of ${targets} ${targets === 1 ? 'subtask' : 'subtasks'}`];
  // One target gets whole batches; several get the rows whose key groups they own.
  return exchange.kind === 'hash' && targets > 1 ? ['gathered by target', copied] : [copied];
}

function columnsOf(schema: Schema | undefined): ExplainedColumns | undefined {
  return schema === undefined ? undefined : Object.fromEntries(Object.entries(schema).map(([name, field]) => [name, formatField(field)]));
}
