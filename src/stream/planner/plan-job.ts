import { MillraceError } from '../../core/errors.js';
import type { Edge, GraphProblem, LogicalGraph, OperatorNode } from '../graph.js';
import type { JobEdge, JobGraph, JobVertex, PlanOptions } from '../job-graph.js';
import { actualEdge, formChains, overridesOfChains, type Chains } from './chains.js';
import { fingerprintOf } from './fingerprint.js';
import { neededColumns } from './needed-columns.js';
import { resolveParallelism } from './parallelism.js';
import { topologyOf } from './topology.js';
import { findProblems, findWarnings } from './validate-graph.js';

/**
 * Plans a graph: resolves parallelism, fuses operators into chains, picks exchanges and the columns that cross them.
 * A pure function of its arguments, so every thread that builds the same graph comes to the same plan.
 *
 * @throws GRAPH_INVALID with all problems, each naming its operator; UNSUPPORTED where iteration is the only one
 */
export function planJob(graph: LogicalGraph, options: PlanOptions): JobGraph {
  const topology = topologyOf(graph);
  const problems = findProblems(graph, topology);
  const fixed = options.fixedChains === true;
  const overrides = fixed && problems.length === 0 ? overridesOfChains(graph, topology.order, options.overrides, problems) : options.overrides;
  const parallelism = resolveParallelism(graph, topology.order, { ...options, overrides }, problems);
  if (problems.length > 0) throw graphError(graph, problems);
  const chains = formChains(graph, topology.order, parallelism, fixed);
  const vertices = chains.members.map((members, id) => vertexOf(graph, chains, parallelism, members, id));
  const columns = neededColumns(graph, topology.order);
  const edges = chains.outer.map((edge, id) => edgeOf(edge, id, chains, parallelism, columns.get(edge)));
  const plan = { vertices, edges, keyGroups: options.keyGroups };
  return { ...plan, fingerprint: fingerprintOf(plan), warnings: findWarnings(graph, chains.outer) };
}

function vertexOf(graph: LogicalGraph, chains: Chains, parallelism: readonly number[], members: readonly number[], id: number): JobVertex {
  const operators = members.map((member) => graph.nodes[member] as OperatorNode);
  return {
    id,
    name: operators.map((node) => node.name).join(' -> '),
    parallelism: parallelism[members[0] as number] as number,
    operators,
    inner: chains.inner.filter((edge) => chains.chainOf[edge.from] === id),
  };
}

function edgeOf(edge: Edge, id: number, { chainOf }: Chains, parallelism: readonly number[], columns: readonly string[] | undefined): JobEdge {
  return { id, edge: actualEdge(edge, parallelism), from: chainOf[edge.from] as number, to: chainOf[edge.to] as number, columns };
}

function graphError(graph: LogicalGraph, problems: readonly GraphProblem[]): MillraceError {
  const lines = problems.map(({ operator, message }) => (operator === undefined ? message : `${operator}: ${message}`));
  const feedbackCount = graph.edges.filter((edge) => edge.feedback).length;
  const code = feedbackCount > 0 && feedbackCount === problems.length ? 'UNSUPPORTED' : 'GRAPH_INVALID';
  const text =
    lines.length === 1
      ? `the stream graph is invalid: ${lines.join('')}`
      : `the stream graph has ${lines.length} problems:\n${lines.map((line) => `  - ${line}`).join('\n')}`;
  return new MillraceError(code, text, { details: { problems } });
}
