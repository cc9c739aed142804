import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { GraphDefBuilder } from '../saved-model/index.js';
import { arrayTypes, elementCount } from '../tensor-data.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import { emitProgram } from '../trace/program/emit.js';
import { optimize } from '../trace/program/optimize.js';
import { flatten } from '../trace/structure.js';
import { isSlot, traceProgram } from '../trace/trace-program.js';
import type { ExportedSignature, ExportedTensor } from '../saved-model/meta-graph.js';
import type { ExportedInput } from './export-saved-model.js';

export interface SignatureRequest {
  readonly name: string;
  readonly inputs: Readonly<Record<string, ExportedInput>>;
  /** Tensors by input name to a tensor, a list of them, or tensors by name. */
  readonly run: (inputs: Readonly<Record<string, Tensor>>) => unknown;
  /** Names for what comes alone or as a list. Default: output, output_0, output_1... */
  readonly outputNames: () => readonly string[];
}

/** A callable of a model, traced. */
export interface TracedSignature {
  readonly variables: readonly Variable[];
  /** Adds its nodes to a graph that has the variables' already. */
  emit(graph: GraphDefBuilder, variable: (variable: Variable) => { readonly handle: string; readonly read: string }): ExportedSignature;
}

/** @throws UNSUPPORTED where it cannot be traced */
export function tracedSignature(tf: Tfjs, { name, inputs, run, outputNames }: SignatureRequest): TracedSignature {
  const names = Object.keys(inputs);
  let outputs: readonly string[] = [];
  const traced = traceProgram({
    tf,
    seed: undefined,
    inputs: Object.entries(inputs).map(([input, spec]) => ({ name: input, example: spec.example ?? exampleOf(spec), isBatched: spec.shape[0] === null })),
    fn: (tensors) => {
      const made = flatten(
        tf,
        named(run(Object.fromEntries(names.map((input, i) => [input, tensors[i]!]))), outputNames, tf),
        'output',
        `signature ${name}: output`,
      );
      outputs = made.map((each) => each.name);
      return made.map(({ leaf }) => leaf as Tensor);
    },
  });
  const variables = traced.variables.filter((each): each is Variable => !isSlot(each));
  return {
    variables,
    emit: (graph, variableNode) => {
      const feeds = traced.inputs.map(({ dtype, shape }, i) => graph.placeholder(graph.uniqueName(`${name}_${names[i]!}`), dtype, shape));
      // A signature predicts: what it would assign is left out.
      const program = optimize({ ...traced.program, outputs: traced.program.outputs.slice(0, traced.outputs.length) });
      const nodeOf = (leaf: number) => variableNode(traced.variables[leaf] as Variable);
      const emitted = emitProgram(
        program,
        graph,
        { input: (leaf) => feeds[leaf]!, read: (leaf) => nodeOf(leaf).read, handle: (leaf) => nodeOf(leaf).handle },
        `${name}/`,
      );
      const tensors = (from: readonly string[], specs: typeof traced.inputs, nodes: readonly string[]): ExportedTensor[] =>
        from.map((each, i) => ({ name: each, dtype: specs[i]!.dtype as TensorDtype, shape: specs[i]!.shape, tensor: nodes[i]! }));
      return { name, inputs: tensors(names, traced.inputs, feeds), outputs: tensors(outputs, traced.outputs, emitted.outputs) };
    },
  };
}

/** Outputs by name: a model gives one tensor, or a list in the order of its names. */
function named(made: unknown, outputNames: () => readonly string[], tf: Tfjs): unknown {
  // A sequential model knows its own only when it has been run.
  const names = outputNames();
  if (made instanceof tf.Tensor) return { [names.length === 1 ? names[0]! : 'output']: made };
  if (!Array.isArray(made)) return made;
  return Object.fromEntries((made as Tensor[]).map((tensor, i) => [names.length === made.length ? names[i]! : `output_${i}`, tensor]));
}

const exampleRows = 2;

/** Zeros and ones, which index any table of two rows; empty strings. */
function exampleOf({ dtype, shape }: ExportedInput): TensorValue {
  const dims = shape.map((size) => size ?? exampleRows);
  const count = elementCount(dims);
  const values = Array.from({ length: count }, (_, i) => i % 2);
  switch (dtype) {
    case 'string':
      return { dtype, shape: dims, data: values.map(() => '') };
    case 'int64':
      return { dtype, shape: dims, data: BigInt64Array.from(values, BigInt) };
    case 'uint64':
      return { dtype, shape: dims, data: BigUint64Array.from(values, BigInt) };
    case 'float32':
      return { dtype, shape: dims, data: Float32Array.from(values) };
    case 'float64':
      return { dtype, shape: dims, data: Float64Array.from(values) };
    default:
      return { dtype, shape: dims, data: new arrayTypes[dtype](values) };
  }
}
