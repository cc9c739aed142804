import { z } from 'zod';
import { MillraceError, resolveOptions } from '../../core/index.js';
import { forwardOf, type CompilableModel } from '../compile/compiled-model.js';
import { loadEager } from '../model/load-eager.js';
import { variableOf } from '../model/network.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { GraphDefBuilder } from '../saved-model/index.js';
import { describeSpec } from '../tensor-data.js';
import { tensorDtypes, type TensorDtype, type TensorValue } from '../tensor-value.js';
import { tracedSignature, type TracedSignature } from './traced-signature.js';
import { VariableStore } from '../trace/session/variable-store.js';
import { addVariable } from '../trace/program/emit.js';
import { writeSavedModel } from './write-saved-model.js';

type Tensors = Readonly<Record<string, Tensor>>;

/** One callable of an exported model. */
export interface ExportedFunction {
  /**
   * Inputs by name: dtype, and shape with null for the batch, which is the first dimension. Default: those of the layers
   * model. int64, float64 and the like are cast at the border to what tfjs has.
   */
  readonly inputs?: Readonly<Record<string, ExportedInput>>;
  /** Traced in front of the model: from these inputs to what the model takes. */
  readonly preprocess?: (inputs: never) => unknown;
  /** In the place of model and preprocess: any function of the inputs over its variables, giving tensors by name. */
  readonly run?: (inputs: never) => unknown;
}

export interface ExportedInput {
  readonly dtype: TensorDtype;
  /** null is the batch. */
  readonly shape: readonly (number | null)[];
  /** Values that the function accepts, for tracing: [rows, ...]. Default: zeros and ones, empty strings. */
  readonly example?: TensorValue | undefined;
}

export interface ExportOptions {
  /** By name; `serving_default` is what loaders take by themselves. Default: the model's forward pass under that name. */
  readonly signatures?: Readonly<Record<string, ExportedFunction>>;
  /** Default ['serve']. */
  readonly tags?: readonly string[];
  /** The loaded module @tensorflow/tfjs-node. Default: loaded here. */
  readonly tf?: Tfjs;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const functionSchema = z.strictObject({
  inputs: z
    .record(
      z.string().min(1),
      z.strictObject({
        dtype: z.enum(Object.keys(tensorDtypes) as [TensorDtype, ...TensorDtype[]]),
        shape: z.array(z.number().int().min(1).nullable()),
        example: z.custom<TensorValue>((value) => typeof value === 'object' && value !== null).optional(),
      }),
    )
    .optional(),
  preprocess: z.custom<(inputs: never) => unknown>(isFunction, 'must be a function').optional(),
  run: z.custom<(inputs: never) => unknown>(isFunction, 'must be a function').optional(),
});

export const exportOptions = z.strictObject({
  signatures: z.record(z.string().min(1), functionSchema).default({ serving_default: {} }),
  tags: z.array(z.string().min(1)).min(1).default(['serve']),
  tf: z.custom<Tfjs>((value) => typeof value === 'object' && value !== null).optional(),
});

/**
 * Exports a model to a TensorFlow SavedModel: a graph for each signature, traced from the model, and the values of its
 * variables. Python, TensorFlow Serving and openSavedModelPredictor load it.
 *
 * @param dir a SavedModel that is there is replaced
 * @throws UNSUPPORTED naming layer and operation where the model cannot be traced; MODEL_INVALID, OPTION_INVALID, DISK_FULL,
 *   IO_FAILED, SETUP_NEEDED
 */
export async function exportSavedModel(model: CompilableModel, dir: string, options?: ExportOptions): Promise<void> {
  const { signatures, tags, tf: given } = resolveOptions(exportOptions, options, `export to ${dir}`);
  const tf = given ?? (await loadEager());
  const { forward } = forwardOf(tf, model);
  const traced = Object.entries(signatures).map(([signature, definition]): TracedSignature => {
    const inputs = definition.inputs ?? modelInputs(model, signature);
    checkBatch(inputs, signature);
    const preprocess = (fed: Tensors): unknown => (definition.preprocess === undefined ? asModelInputs(model, fed) : definition.preprocess(fed as never));
    const run = (fed: Tensors): unknown => (definition.run === undefined ? forward(preprocess(fed), false) : definition.run(fed as never));
    return tracedSignature(tf, { name: signature, inputs, run, outputNames: () => (typeof model === 'function' ? [] : model.outputNames) });
  });
  const variables = [...new Set(traced.flatMap((each) => each.variables))];
  const store = VariableStore.of(tf, variables);
  try {
    store.pushSync();
    const graph = new GraphDefBuilder();
    const exported = keysOf(model, variables).map(({ variable, key }) => {
      const { sharedName, spec } = store.bound(variable);
      const node = addVariable(graph, key.replaceAll(/[^A-Za-z0-9_.\\/>-]/g, '_'), { sharedName: key, ...spec });
      return { variable, node, key, sharedName, ...spec, handle: node.handle, trainable: variable.trainable };
    });
    const nodeOf = new Map(exported.map(({ variable, node }) => [variable, node]));
    const written = traced.map((signature) => signature.emit(graph, (variable) => nodeOf.get(variable)!));
    await writeSavedModel(dir, { graph: graph.toGraphDef(), variables: exported, signatures: written, tags }, store.session);
  } finally {
    await store.release();
  }
}

/** Inputs by the model's names, or in its order where they have names of their own. */
function asModelInputs(model: CompilableModel, fed: Tensors): Tensors | Tensor[] {
  return typeof model === 'function' || model.inputs.every(({ name }) => fed[name] !== undefined) ? fed : Object.values(fed);
}

/** Inputs of a layers model, under its names. */
function modelInputs(model: CompilableModel, signature: string): Readonly<Record<string, ExportedInput>> {
  if (typeof model === 'function')
    throw new MillraceError('OPTION_INVALID', `export: signature ${signature}: a model that is a function needs inputs: { name: { dtype, shape } }`);
  return Object.fromEntries(model.inputs.map(({ name, dtype, shape }) => [name, { dtype: dtype as TensorDtype, shape }]));
}

function checkBatch(inputs: Readonly<Record<string, ExportedInput>>, signature: string): void {
  for (const [name, { dtype, shape }] of Object.entries(inputs)) {
    if (!shape.slice(1).includes(null)) continue;
    const shown = describeSpec(
      dtype,
      shape.map((size) => size ?? -1),
    );
    throw new MillraceError(
      'UNSUPPORTED',
      `export: signature ${signature}: input '${name}' is ${shown}: only the first dimension may be open; give inputs with the others fixed`,
    );
  }
}

/** Names in the bundle: `layer/weight` for a layers model, whose own names count up from model to model. */
function keysOf(model: CompilableModel, variables: readonly Variable[]): { readonly variable: Variable; readonly key: string }[] {
  const names = new Map<Variable, string>();
  if (typeof model !== 'function') for (const weight of model.weights) names.set(variableOf(weight), weight.originalName);
  const taken = new Set<string>();
  return variables.map((variable) => {
    const base = names.get(variable) ?? variable.name;
    let key = base;
    for (let n = 1; taken.has(key); n++) key = `${base}_${n}`;
    taken.add(key);
    return { variable, key };
  });
}
