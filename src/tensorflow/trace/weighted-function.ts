import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { NativeSession, type PreparedRun, type RunProfile } from '../native/index.js';
import { GraphDefBuilder, type GraphDef } from '../saved-model/index.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import { checkSample } from './check-sample.js';
import { optimize } from './program/optimize.js';
import { variablesAsInputs } from './program/variables-as-inputs.js';
import { fromTfjs } from './sample.js';
import { addAssignableVariable } from './session/assignable-variable.js';
import { functionGraph, loadFunction, prepareFunction } from './session/native-function.js';
import { isSlot, traceProgram, type ProgramInput, type TracedProgram } from './trace-program.js';

type Values = Readonly<Record<string, TensorValue>>;

/** A function over variables that go by names of the caller's and live in a session of their own, apart from tfjs. */
export interface WeightedFunctionOptions {
  /** For messages. */
  readonly name: string;
  readonly tf: Tfjs;
  readonly variables: readonly { readonly name: string; readonly variable: Variable }[];
  readonly inputs: readonly ProgramInput[];
  readonly outputNames: readonly string[];
  readonly fn: (inputs: readonly Tensor[]) => readonly Tensor[];
  /** Seed of random operations; undefined: another sequence in each session. */
  readonly seed?: number;
}

export interface WeightedFunction {
  /** In the order of the inputs and outputs. */
  run(inputs: readonly TensorValue[]): Promise<TensorValue[]>;
  /** Sets all variables that the function reads in one go. @throws SHAPE_MISMATCH */
  assign(weights: Values): Promise<void>;
  close(): Promise<void>;
}

/** A function that keeps its weights in the session between calls: for many calls on the same weights. */
export function openWeightedFunction(options: WeightedFunctionOptions): WeightedFunction {
  const { traced, names } = traceNamed(options);
  const session = NativeSession.empty();
  try {
    const graph = new GraphDefBuilder();
    const variables = traced.variables.map(({ dtype, shape }, i) => ({ sharedName: `v${i}`, dtype: dtype as TensorDtype, shape }));
    for (const { sharedName, ...spec } of variables) addAssignableVariable(graph, sharedName, spec);
    session.extend(graph.serialize());
    const run = prepareFunction(session, loadFunction(session, { program: optimize(traced.program), inputs: traced.inputs, variables, prefix: 'f/' }));
    const assigning = session.prepare(
      variables.map(({ sharedName }) => `${sharedName}/value`),
      [],
      variables.map(({ sharedName }) => `${sharedName}/assign`),
    );
    if (variables.length > 0) assigning.runSync((traced.variables as readonly Variable[]).map(fromTfjs));
    check(options, traced, run, []);
    return {
      run: (inputs) => run.run(inputs),
      assign: async (weights) => {
        const values = inOrder(weights, names, options);
        if (values.length > 0) await assigning.run(values);
      },
      close: () => session.close(),
    };
  } catch (thrown) {
    void session.close();
    throw thrown;
  }
}

export interface PureFunction {
  /** Variables that it reads, by name, in the order in which `run` takes them after the inputs. */
  readonly weightNames: readonly string[];
  /** Variables that it would change, by name, in the order in which their new values follow the outputs. */
  readonly assignedNames: readonly string[];
  run(inputs: readonly TensorValue[], weights: Values): Promise<TensorValue[]>;
  /** The same, and how long each node took. */
  profile(inputs: readonly TensorValue[], weights: Values): Promise<RunProfile>;
  /** The graph that it runs. */
  graph(): GraphDef;
  /** How long tracing and loading took, ms. */
  readonly tracedMs: number;
  readonly loadedMs: number;
  close(): Promise<void>;
}

/** A function that takes its weights with each call and gives back what it would have assigned: for weights that change from call to call. */
export function openPureFunction(options: WeightedFunctionOptions): PureFunction {
  const startedMs = performance.now();
  const { traced, names } = traceNamed(options);
  const tracedMs = performance.now();
  const session = NativeSession.empty();
  try {
    const weights = traced.variables.map(({ dtype, shape }) => ({ dtype: dtype as TensorDtype, shape }));
    const program = optimize(variablesAsInputs(traced.program, traced.inputs.length));
    const fed = { program, inputs: [...traced.inputs, ...weights], variables: [], prefix: '' };
    const run = prepareFunction(session, loadFunction(session, fed));
    check(options, traced, run, (traced.variables as readonly Variable[]).map(fromTfjs));
    return {
      weightNames: names,
      assignedNames: traced.assigned.map((variable) => names[variable]!),
      run: (inputs, values) => run.run([...inputs, ...inOrder(values, names, options)]),
      profile: async (inputs, values) => (await run.profile([...inputs, ...inOrder(values, names, options)])).profile,
      graph: () => functionGraph(fed).graph.toGraphDef(),
      tracedMs: tracedMs - startedMs,
      loadedMs: performance.now() - tracedMs,
      close: () => session.close(),
    };
  } catch (thrown) {
    void session.close();
    throw thrown;
  }
}

function traceNamed({ name, tf, variables, inputs, fn, seed }: WeightedFunctionOptions): { readonly traced: TracedProgram; readonly names: readonly string[] } {
  const traced = traceProgram({ tf, fn, inputs, seed });
  const names = traced.variables.map((variable) => {
    const known = variables.find((each) => each.variable === variable);
    if (known !== undefined && !isSlot(variable)) return known.name;
    throw new MillraceError('UNSUPPORTED', `tracing: ${name}: uses a variable ('${variable.name}') that is not one of the model's`);
  });
  return { traced, names };
}

function check(
  { name, outputNames }: WeightedFunctionOptions,
  { sample, isRandom, outputs }: TracedProgram,
  run: PreparedRun,
  weights: readonly TensorValue[],
): void {
  if (isRandom) return;
  checkSample(name, outputNames, sample.results, run.runSync([...sample.feeds, ...weights]).slice(0, outputs.length));
}

/** Weights in the order of the function's variables; others may be there, too. */
function inOrder(weights: Values, names: readonly string[], { name, variables }: WeightedFunctionOptions): TensorValue[] {
  const missing = variables.filter((each) => weights[each.name] === undefined).map((each) => each.name);
  const unknown = Object.keys(weights).filter((each) => !variables.some((variable) => variable.name === each));
  if (missing.length + unknown.length === 0) return names.map((each) => weights[each]!);
  throw new MillraceError('SHAPE_MISMATCH', `${name}: variables missing: ${missing.join(', ') || 'none'}; unknown: ${unknown.join(', ') || 'none'}`, {
    details: { missing, unknown },
  });
}
