import { MillraceError } from '../../core/errors.js';
import type { Schema } from '../../memory/schema.js';
import type { Network } from '../model/network.js';
import type { Tensor, Tfjs } from '../model/tfjs-types.js';
import { attr, GraphDefBuilder } from '../saved-model/index.js';
import type { Signature, TensorSpec, TensorValue } from '../tensor-value.js';
import { addBatchSize, emit, reshape } from './emit.js';
import { generalize } from './generalize.js';
import { record } from './record.js';
import type { Recording } from './recording.js';
import { rawBackend } from './tfjs-internals.js';

/** A forward pass as a TensorFlow graph: any batch size, weights in variables that one run can set together. */
export interface TracedForward {
  /** Bytes of the GraphDef. */
  readonly graph: Uint8Array;
  /** Node that is fed, by input name. */
  readonly feeds: Readonly<Record<string, string>>;
  /** Node to fetch, by output name. */
  readonly fetches: Readonly<Record<string, string>>;
  /** Placeholder of the new value, by variable name. */
  readonly weightFeeds: Readonly<Record<string, string>>;
  /** Assigns all variables from their placeholders. */
  readonly assignAll: string;
  /** A batch that was run while tracing, and what it gave: the graph must give the same. */
  readonly sample: { readonly feeds: Readonly<Record<string, TensorValue>>; readonly results: Readonly<Record<string, Float32Array>> };
}

/** Batch sizes of the runs. None is 1, which broadcasting treats as a case of its own. */
const sizes = [2, 3, 5] as const;

/**
 * Traces a network's forward pass (training = false) on the calling thread's tfjs.
 *
 * @throws UNSUPPORTED naming the scope and operation that no graph can follow
 */
export function traceForward(tf: Tfjs, network: Network, signature: Signature, outputs: Schema): TracedForward {
  const [a, b, c] = sizes.map((size) => runOnce(tf, network, { signature, outputs, size })) as [Run, Run, Run];
  const twin = runOnce(tf, network, { signature, outputs, size: sizes[0] });
  const steps = generalize([a.recording, b.recording, c.recording], twin.recording);
  const first = a.recording;
  const graph = new GraphDefBuilder();
  const nodes = new Map<number, string>();
  const feeds: Record<string, string> = {};
  signature.inputs.forEach(({ name, dtype, shape }, i) => {
    feeds[name] = graph.placeholder(`input/${i}`, dtype, shape);
    nodes.set(first.inputs[name] as number, feeds[name]);
  });
  const weightFeeds = addVariables(graph, network, first, nodes);
  const [firstInput] = signature.inputs as readonly [TensorSpec];
  const batch = addBatchSize(graph, feeds[firstInput.name] as string, firstInput.dtype);
  emit(graph, steps, { nodes, batch, binding: rawBackend(tf).binding });
  const fetches: Record<string, string> = {};
  signature.outputs.forEach(({ name, dtype, shape }, i) => {
    const node = nodes.get(first.outputs[name] as number);
    if (node === undefined) throw new MillraceError('UNSUPPORTED', `tracing: output '${name}' depends on no input and no variable`);
    fetches[name] = graph.identity(`output/${i}`, reshape(graph, node, dtype, shape as readonly number[]), dtype);
  });
  const assignAll = graph.group(
    'assign',
    Object.values(weightFeeds).map((_, i) => `variable/${i}/assign`),
  );
  return { graph: graph.serialize(), feeds, fetches, weightFeeds, assignAll, sample: { feeds: c.feeds, results: c.recording.results } };
}

function addVariables(graph: GraphDefBuilder, network: Network, first: Recording, nodes: Map<number, string>): Record<string, string> {
  const weightFeeds: Record<string, string> = {};
  network.variables.forEach(({ name, variable }, i) => {
    const dtype = attr.type('float32');
    const handle = graph.add({
      name: `variable/${i}`,
      op: 'VarHandleOp',
      attrs: { dtype, shape: attr.shape(variable.shape), shared_name: attr.string(`variable/${i}`), container: attr.string('') },
    });
    nodes.set(first.variables[name] as number, graph.add({ name: `variable/${i}/read`, op: 'ReadVariableOp', inputs: [handle], attrs: { dtype } }));
    weightFeeds[name] = graph.placeholder(`variable/${i}/value`, 'float32', variable.shape);
    graph.add({
      name: `variable/${i}/assign`,
      op: 'AssignVariableOp',
      inputs: [handle, weightFeeds[name]],
      attrs: { dtype, validate_shape: attr.bool(false) },
    });
  });
  return weightFeeds;
}

interface Run {
  readonly recording: Recording;
  readonly feeds: Readonly<Record<string, TensorValue>>;
}

function runOnce(tf: Tfjs, network: Network, { signature, outputs, size }: { signature: Signature; outputs: Schema; size: number }): Run {
  const feeds = Object.fromEntries(signature.inputs.map((spec) => [spec.name, sampleFeed(spec, size)]));
  const variables = Object.fromEntries(network.variables.map(({ name, variable }) => [name, variable]));
  const recording = tf.tidy(() => {
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, { data, shape, dtype }]) => [
        name,
        tf.tensor(data as Float32Array | Int32Array, shape as number[], dtype as 'float32' | 'int32'),
      ]),
    );
    const work = (): Readonly<Record<string, Tensor>> => {
      const made = network.forward(inputs, false);
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, made[name] as Tensor]));
    };
    return record({ tf, batch: size, inputs, variables, work }) as never;
  }) as Recording;
  return { recording, feeds };
}

/** Small values that every input accepts: integers index tables, so they stay 0 and 1. */
function sampleFeed({ dtype, shape }: TensorSpec, size: number): TensorValue {
  const dims = [size, ...(shape as readonly number[]).slice(1)];
  const count = dims.reduce((product, dimension) => product * dimension, 1);
  return dtype === 'int32'
    ? { dtype, shape: dims, data: Int32Array.from({ length: count }, (_, i) => i % 2) }
    : { dtype, shape: dims, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1)) };
}
