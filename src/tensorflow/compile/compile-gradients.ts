import { loadEager } from '../model/load-eager.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { Transformed } from '../trace/build-trace.js';
import { leafOps } from '../trace/program/program.js';
import { rewrite } from '../trace/program/rewrite.js';
import { tracedFunction } from '../trace/trace.js';
import type { TracedProgram } from '../trace/trace-program.js';
import type { TracedFunction } from '../trace/traced-function.js';
import { registeredVariables } from '../trace/tfjs-internals.js';
import { Tracer } from '../trace/tracer.js';
import { keepingVariables } from '../trace/variables-kept.js';
import { resolveCompileOptions, type CompileOptions } from './compile-options.js';
import { stateless, stepModel, type CompilableModel, type ModelTensors, type StepModel } from './compiled-model.js';
import { passOf } from './gradients.js';
import type { ModelLoss } from './model-loss.js';

/**
 * Gradients as one native call that changes nothing: inputs, labels, and, where given, weights by variable name; without
 * weights the variables' own values are used.
 */
export type CompiledGradients = TracedFunction<
  readonly [inputs: ModelTensors, labels: ModelTensors, weights?: Readonly<Record<string, Tensor>>],
  GradientsOutput
>;

export interface GradientsOutput {
  readonly loss: Tensor;
  readonly outputs: ModelTensors;
  /** By variable name; absent for a variable that the loss does not depend on. */
  readonly gradients: Readonly<Record<string, Tensor>>;
  /** New values of variables that the forward pass assigns, such as moving averages, by name. */
  readonly assigned: Readonly<Record<string, Tensor>>;
}

/**
 * Compiles forward pass and gradients of a model into a native graph: what a worker computes between pulling weights and
 * pushing gradients.
 *
 * It is traced at the first call, for any number of rows. What cannot be traced runs on eager tfjs, after one warning.
 *
 * @param loss a name or function as for tf.LayersModel.compile; undefined: what the model was compiled with
 */
export async function compileGradients(model: CompilableModel, loss: ModelLoss | undefined, options?: CompileOptions): Promise<CompiledGradients> {
  const resolved = resolveCompileOptions(options, 'compileGradients()');
  const tf = resolved.tf ?? (await loadEager());
  const step = stepModel(tf, model, loss);
  const training = resolved.training ?? true;
  const tracer = new Tracer(
    tf,
    {
      name: resolved.name ?? `gradients of ${step.name}`,
      fn: stateless(model, (inputs, labels) => ({ result: namedPass(tf, step, inputs, labels, training) })),
      transform: (traced, visible, inputNames) => weightsIn(traced, visible, inputNames),
      isFixed: (name) => name.startsWith(weightsPrefix),
      eager: (inputs, labels, weights) =>
        eagerGradients(tf, step, { inputs, labels, weights: weights as Readonly<Record<string, Tensor>> | undefined, training }),
      onUnsupported: 'eager',
    },
    resolved,
  );
  return tracedFunction(tf, tracer) as unknown as CompiledGradients;
}

/** Names of the third argument's leaves. */
const weightsPrefix = '2/';

function namedPass(tf: Tfjs, model: StepModel, inputs: unknown, labels: unknown, training: boolean) {
  const { loss, outputs, variables, gradients } = passOf(tf, model, inputs, labels, training);
  return { loss, outputs, gradients: Object.fromEntries(variables.map(({ name }, i) => [name, gradients[i]!])) };
}

/** Reads of variables become the weights that are fed; what would be assigned is given back. */
function weightsIn(traced: TracedProgram, visible: number, inputNames: readonly string[]): Transformed {
  const { program, outputs, variables, assigned } = traced;
  const fed = new Map(inputNames.map((name, leaf) => [name, leaf]));
  const inputOf = (variable: number): number | undefined => fed.get(`${weightsPrefix}${variables[variable]!.name}`);
  const rewritten = rewrite(program, [
    ({ op, leaf, outputs: specs }, builder) => {
      const input = op === leafOps.read ? inputOf(leaf) : undefined;
      return input === undefined ? undefined : [builder.value({ op: leafOps.input, leaf: input, outputs: specs })];
    },
  ]);
  const added = assigned.map((variable) => variables[variable] as Variable);
  return {
    traced: {
      ...traced,
      program: rewritten,
      outputs: [...outputs.slice(0, visible), ...added.map(({ dtype, shape }) => ({ dtype: dtype as 'float32', shape }))],
      assigned: [],
    },
    added: { name: 'assigned', outputs: added.map(({ name }) => name) },
  };
}

interface EagerRequest {
  readonly inputs: unknown;
  readonly labels: unknown;
  readonly weights: Readonly<Record<string, Tensor>> | undefined;
  readonly training: boolean;
}

/** The same on eager tfjs; variables have their values of before afterwards. */
function eagerGradients(tf: Tfjs, model: StepModel, { inputs, labels, weights = {}, training }: EagerRequest): GradientsOutput {
  const variables = registeredVariables(tf);
  return keepingVariables(tf, () => {
    for (const variable of variables) if (weights[variable.name] !== undefined) variable.assign(weights[variable.name]!);
    const before = new Map(variables.map((variable) => [variable, variable.dataId]));
    const pass = namedPass(tf, model, inputs, labels, training);
    const changed = registeredVariables(tf).filter((variable) => before.get(variable) !== variable.dataId);
    return { ...pass, outputs: pass.outputs as ModelTensors, assigned: Object.fromEntries(changed.map((variable) => [variable.name, variable.clone()])) };
  });
}
