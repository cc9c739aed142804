import { loadEager } from '../model/load-eager.js';
import type { Optimizer, Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { OptimizerSpec } from '../model/trainable.js';
import { gatherInPlace } from '../trace/program/sparse-reads.js';
import { isSlot } from '../trace/trace-program.js';
import type { TraceDefinition } from '../trace/build-trace.js';
import { Tracer } from '../trace/tracer.js';
import { tracedFunction } from '../trace/trace.js';
import type { TracedFunction } from '../trace/traced-function.js';
import { applyOptimizer } from './apply-optimizer.js';
import { resolveTrainStepOptions, type ResolvedTrainStepOptions, type TrainStepOptions } from './compile-options.js';
import { stateless, stepModel, type CompilableModel, type ModelTensors, type StepModel } from './compiled-model.js';
import { passOf } from './gradients.js';
import type { ModelLoss } from './model-loss.js';
import { OptimizerSlots } from './optimizer-slots.js';
import { fusedOptimizer } from './optimizers/index.js';
import { stepOptimizer, type StepOptimizer } from './step-optimizer.js';

/** A training step as one native call: inputs and labels in, the loss out; the model's variables move. */
export type CompiledStep = TracedFunction<readonly [inputs: ModelTensors, labels: ModelTensors], StepOutput>;

export interface StepOutput {
  /** Mean loss over the batch, regularizers included, before the step. */
  readonly loss: Tensor;
  /** With option `outputs`: what the model gave for the batch in this step. */
  readonly outputs?: ModelTensors;
}

/**
 * Compiles one step of training into a native graph: forward pass, gradients, and the optimizer's updates.
 *
 * It is traced at the first call, for any number of rows; the variables of the model then live in the native session and
 * can be read and assigned as before. What cannot be traced runs on eager tfjs, after one warning that names the layer.
 *
 * @param loss a name or function as for tf.LayersModel.compile; undefined: what the model was compiled with
 * @param optimizer one of tf.train, whose learning rate may change between steps, or of ours
 * @throws MODEL_INVALID for a loss that does not exist, UNSUPPORTED for an optimizer of one's own with optimizer: 'fused'
 */
export async function compileTrainStep(
  model: CompilableModel,
  loss: ModelLoss | undefined,
  optimizer: Optimizer | OptimizerSpec,
  options?: TrainStepOptions,
): Promise<CompiledStep> {
  const resolved = resolveTrainStepOptions(options, 'compileTrainStep()');
  const tf = resolved.tf ?? (await loadEager());
  const step = stepModel(tf, model, loss);
  const chosen = stepOptimizer(tf, optimizer);
  const useFused = resolved.optimizer === 'fused' && fusedOptimizer(chosen.spec()) !== undefined;
  const definition = useFused ? fusedStep(tf, step, chosen, resolved) : tracedStep(tf, step, chosen, resolved);
  const tracer = new Tracer(tf, { ...definition, fn: stateless(model, definition.fn), name: resolved.name ?? `training step of ${step.name}` }, resolved);
  const call = tracedFunction(tf, tracer) as unknown as CompiledStep;
  const { close } = call;
  return Object.assign(call, {
    close: async () => {
      await close();
      chosen.dispose();
    },
  });
}

type StepDefinition = Omit<TraceDefinition, 'name'>;

function fusedStep(tf: Tfjs, model: StepModel, optimizer: StepOptimizer, { training = true, outputs, sparse }: ResolvedTrainStepOptions): StepDefinition {
  const slots = new OptimizerSlots();
  let variables: readonly Variable[] = [];
  return {
    fn: (inputs, labels) => {
      const pass = passOf(tf, model, inputs, labels, training);
      ({ variables } = pass);
      return { result: outputs ? { loss: pass.loss, outputs: pass.outputs } : { loss: pass.loss }, hidden: pass.gradients };
    },
    transform: (traced, visible) => {
      const spec = optimizer.spec();
      const fused = fusedOptimizer(spec)!;
      const isExactByRows = spec.kind === 'sgd' || spec.kind === 'adagrad';
      const updated = applyOptimizer(traced, visible, { optimizer: fused, slots, variables, sparse, isExactByRows });
      return { traced: { ...updated, program: gatherInPlace(updated.program, (leaf) => !isSlot(updated.variables[leaf]!)) } };
    },
    extraFeeds: () => ({ learningRate: { dtype: 'float32', shape: [], data: Float32Array.of(optimizer.spec().learningRate) } }),
    afterCall: () => {
      optimizer.stepped();
    },
    // Other numbers than the learning rate are constants of the graph.
    variant: () => JSON.stringify({ ...optimizer.spec(), learningRate: undefined }),
    eager: (inputs, labels) => eagerStep(tf, model, optimizer, { inputs, labels, training, outputs }),
    onUnsupported: 'eager',
  };
}

function tracedStep(tf: Tfjs, model: StepModel, optimizer: StepOptimizer, { training = true, outputs, ...resolved }: ResolvedTrainStepOptions): StepDefinition {
  const run = (inputs: unknown, labels: unknown) => eagerStep(tf, model, optimizer, { inputs, labels, training, outputs });
  return {
    // It is called to be traced alone.
    fn: (inputs, labels) => ({ result: optimizer.uncounted(() => run(inputs, labels)) }),
    afterCall: () => {
      optimizer.stepped();
    },
    eager: run,
    variant: () => JSON.stringify(optimizer.spec()),
    keepsOperations: resolved.optimizer === 'traced',
    onUnsupported: 'eager',
  };
}

interface EagerStepRequest {
  readonly inputs: unknown;
  readonly labels: unknown;
  readonly training: boolean;
  readonly outputs: boolean;
}

function eagerStep(tf: Tfjs, model: StepModel, optimizer: StepOptimizer, { inputs, labels, training, outputs }: EagerStepRequest): StepOutput {
  const pass = passOf(tf, model, inputs, labels, training);
  const spec = optimizer.spec();
  if (spec.kind === 'adamw') decay(tf, pass.variables, spec.learningRate * spec.weightDecay);
  // Declared as variables by name, but gradients by name are meant.
  optimizer.eager().applyGradients(Object.fromEntries(pass.variables.map(({ name }, i) => [name, pass.gradients[i]!])));
  return outputs ? { loss: pass.loss, outputs: pass.outputs as ModelTensors } : { loss: pass.loss };
}

/** tfjs has no AdamW: its decoupled decay comes before Adam's update. */
function decay(tf: Tfjs, variables: readonly Variable[], rate: number): void {
  for (const variable of variables) variable.assign(tf.mul(variable, 1 - rate));
}
