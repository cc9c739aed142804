import type { PreparedRun, NativeSession } from '../../native/index.js';
import { GraphDefBuilder } from '../../saved-model/index.js';
import type { TensorDtype } from '../../tensor-value.js';
import { addVariable, emitProgram } from '../program/emit.js';
import { leafOps, type Program, type ValueSpec } from '../program/program.js';

export interface NativeFunctionOptions {
  readonly program: Program;
  readonly inputs: readonly ValueSpec[];
  /** By number, as the program's leaves count. */
  readonly variables: readonly { readonly sharedName: string; readonly dtype: TensorDtype; readonly shape: readonly number[] }[];
  /** Of its nodes in the session's graph. */
  readonly prefix: string;
}

/** Names of one function's nodes in a session's graph: plain data that another thread can prepare its own calls from. */
export interface FunctionNames {
  readonly feeds: readonly string[];
  readonly fetches: readonly string[];
  readonly targets: readonly string[];
}

/** Adds a program to a session's graph. */
export function loadFunction(session: NativeSession, options: NativeFunctionOptions): FunctionNames {
  const { graph, names } = functionGraph(options);
  session.extend(graph.serialize());
  return names;
}

/** A program as a graph of its own. */
export function functionGraph({ program, inputs, variables, prefix }: NativeFunctionOptions): {
  readonly graph: GraphDefBuilder;
  readonly names: FunctionNames;
} {
  const graph = new GraphDefBuilder();
  const feeds = inputs.map(({ dtype, shape }, i) => graph.placeholder(`${prefix}input_${i}`, dtype, shape));
  const used = new Map<number, { readonly handle: string; readonly read: string }>();
  for (const { op, leaf } of program.nodes) {
    if ((op === leafOps.read || op === leafOps.handle) && !used.has(leaf)) used.set(leaf, addVariable(graph, `${prefix}variable_${leaf}`, variables[leaf]!));
  }
  const { outputs, effects } = emitProgram(
    program,
    graph,
    { input: (leaf) => feeds[leaf]!, read: (leaf) => used.get(leaf)!.read, handle: (leaf) => used.get(leaf)!.handle },
    prefix,
  );
  return { graph, names: { feeds, fetches: outputs, targets: effects } };
}

/** A run of a function: all its outputs, and its effects. */
export function prepareFunction(session: NativeSession, { feeds, fetches, targets }: FunctionNames): PreparedRun {
  return session.prepare(feeds, fetches, targets);
}
