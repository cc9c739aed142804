import type { Edge, GraphProblem, LogicalGraph, OperatorNode } from '../graph.js';
import type { PlanOptions } from '../job-graph.js';

/**
 * Number of subtasks of each operator, by id: an override, else the operator's own, else the job's default as far as the
 * operator can use it. What was asked for and does not fit is a problem.
 *
 * @param order operator ids along the stream
 */
export function resolveParallelism(graph: LogicalGraph, order: readonly number[], options: PlanOptions, problems: GraphProblem[]): readonly number[] {
  checkOptions(graph, options, problems);
  const resolved = graph.nodes.map(() => 1);
  for (const id of order) {
    const inputs = graph.edges.filter((edge) => edge.to === id && !edge.feedback);
    resolved[id] = parallelismOf(graph.nodes[id] as OperatorNode, inputs, resolved, options, problems);
  }
  return resolved;
}

function parallelismOf(node: OperatorNode, inputs: readonly Edge[], resolved: readonly number[], options: PlanOptions, problems: GraphProblem[]): number {
  const problem = (message: string): void => void problems.push({ operator: node.name, message });
  const override = options.overrides[node.uid] ?? (node.role === undefined ? undefined : options.overrides[node.role]);
  const asked = override ?? node.parallelism;
  const isKeyed = inputs.some((edge) => edge.exchange.kind === 'hash');
  const limit = Math.min(node.maxParallelism ?? Infinity, isKeyed ? options.keyGroups : Infinity);
  if (asked !== undefined && (!Number.isInteger(asked) || asked < 1)) {
    problem(`parallelism must be a whole number from 1 (got ${asked})`);
    return 1;
  }
  if (asked !== undefined && asked > limit) {
    const why = limit === node.maxParallelism ? 'that it can use' : 'key groups of the job; raise keyGroups in defineJob or ask for less';
    problem(`parallelism ${asked} is more than the ${limit} ${why}`);
    return limit;
  }
  const explicit = inputs.find((edge) => edge.exchange.kind === 'forward' && edge.exchange.explicit === true);
  if (explicit === undefined) return asked ?? Math.min(options.parallelism, limit);
  const upstream = resolved[explicit.from] as number;
  if (asked !== undefined && asked !== upstream) {
    problem(`parallelism ${asked} does not fit its forward input, which has ${upstream}; put rebalance() in between, or use the same parallelism`);
  } else if (upstream > limit) {
    problem(`takes over parallelism ${upstream} from its forward input, but can use ${limit}; put rebalance() in between`);
  }
  return upstream;
}

function checkOptions(graph: LogicalGraph, { overrides, parallelism, keyGroups }: PlanOptions, problems: GraphProblem[]): void {
  const known = new Set(graph.nodes.flatMap((node) => (node.role === undefined ? [node.uid] : [node.uid, node.role])));
  for (const name of Object.keys(overrides)) {
    if (!known.has(name))
      problems.push({ operator: undefined, message: `parallelism of '${name}': no operator or role has this name; there are ${[...known].join(', ')}` });
  }
  for (const [name, value] of Object.entries({ parallelism, keyGroups })) {
    if (!Number.isInteger(value) || value < 1) problems.push({ operator: undefined, message: `${name} must be a whole number from 1 (got ${value})` });
  }
}
