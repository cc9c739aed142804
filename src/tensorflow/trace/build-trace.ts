import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { isMillraceError, MillraceError } from '../../core/errors.js';
import type { TensorValue } from '../tensor-value.js';
import { checkSample } from './check-sample.js';
import { loadFunction, prepareFunction } from './session/native-function.js';
import { VariableStore } from './session/variable-store.js';
import { flatten, isTensor, unflatten } from './structure.js';
import type { TraceEntry } from './traced-function.js';
import type { ResolvedTraceOptions } from './trace-options.js';
import { isSlot, traceProgram, type ProgramInput, type ProgramVariable, type TracedProgram } from './trace-program.js';
import { optimize } from './program/optimize.js';
import type { Program } from './program/program.js';
import { withEffects } from './program/with-assignments.js';

/** What a tracer turns into native calls. */
export interface TraceDefinition {
  readonly name: string;
  /** Synchronous, on tensors in the structure of the inputs. */
  readonly fn: (...args: readonly unknown[]) => FunctionResult;
  /** What runs where no trace can. */
  readonly eager: (...args: readonly unknown[]) => unknown;
  /** Turns hidden outputs, which follow the first `visible` ones, into something else, such as updates of variables. */
  readonly transform?: (traced: TracedProgram, visible: number, inputNames: readonly string[]) => Transformed;
  /** Values of inputs that `transform` has added, by name and in their order, for each call. */
  readonly extraFeeds?: () => Readonly<Record<string, TensorValue>>;
  readonly afterCall?: () => void;
  /** Tells traces of equal shapes apart: whatever JavaScript value the function takes as a constant. */
  readonly variant?: () => string;
  /** Inputs that never have a batch dimension, whatever the options say. */
  readonly isFixed?: (inputName: string) => boolean;
  /** Whether a graph keeps tfjs's own operations, for the same rounding, instead of faster ones. Default false. */
  readonly keepsOperations?: boolean;
  /** 'throw', or 'eager' with one warning. */
  readonly onUnsupported: 'throw' | 'eager';
}

export interface Transformed {
  readonly traced: TracedProgram;
  /** Names of visible outputs that are new, joined to the result as an object of this name. */
  readonly added?: { readonly name: string; readonly outputs: readonly string[] };
}

export interface FunctionResult {
  /** What a call gives. */
  readonly result: unknown;
  readonly hidden?: readonly Tensor[];
}

export interface TraceRequest {
  /** dtypes and shapes of the inputs. */
  readonly key: string;
  readonly args: readonly unknown[];
  readonly examples: readonly ProgramInput[];
}

/**
 * Traces a function for one set of input shapes, loads it into the session of its variables, and holds what it gives
 * there against what it gave while tracing.
 *
 * @throws UNSUPPORTED, and what the function throws
 */
export function buildTrace(tf: Tfjs, definition: TraceDefinition, { seed, threads }: ResolvedTraceOptions, { key, args, examples }: TraceRequest): TraceEntry {
  const { name, fn, transform, extraFeeds } = definition;
  const startedMs = performance.now();
  let like: unknown;
  let outputNames: readonly string[] = [];
  const recorded = traceProgram({
    tf,
    seed,
    inputs: examples,
    fn: (tensors) => {
      const { result, hidden = [] } = fn(...(unflatten(tf, args, tensors) as readonly unknown[]));
      const leaves = flatten(tf, result, 'output', `${name}: output`);
      like = result;
      outputNames = leaves.map((each) => each.name);
      return [...leaves.map(({ name: output, leaf }) => asTensor(tf, leaf, `${name}: output '${output}'`)), ...hidden];
    },
  });
  const visible = outputNames.length;
  // Before the transformation too, which looks for patterns such as gradients of rows.
  const faster = (program: Program): Program => (definition.keepsOperations === true ? program : optimize(program));
  const original = { ...recorded, program: faster(recorded.program) };
  const { traced: transformed, added } = transform?.(
    original,
    visible,
    examples.map((each) => each.name),
  ) ?? { traced: original, added: undefined };
  const traced = { ...transformed, program: faster(transformed.program) };
  const tracedMs = performance.now();
  const store = VariableStore.of(tf, traced.variables.filter(isTfVariable), threads);
  try {
    const names = loadFunction(store.session, {
      program: withEffects(traced),
      inputs: traced.inputs,
      variables: traced.variables.map((each) => nativeVariable(store, each)),
      prefix: store.nextPrefix(),
    });
    if (!original.isRandom) {
      store.pushSync();
      const made = store.session.prepare(names.feeds, names.fetches).runSync([...traced.sample.feeds, ...Object.values(extraFeeds?.() ?? {})]);
      checkSample(name, outputNames, traced.sample.results.slice(0, visible), made);
    }
    return {
      shapes: key,
      traced,
      inputNames: examples.map((each) => each.name),
      outputNames: [...outputNames, ...(added?.outputs ?? []).map((output) => `${added!.name}/${output}`)],
      names,
      prepared: prepareFunction(store.session, names),
      store,
      changes: [...traced.assigned, ...traced.updated]
        .map((number) => traced.variables[number]!)
        .filter(isTfVariable)
        .map((variable) => store.bound(variable)),
      like: added === undefined ? like : { ...(like as object), [added.name]: Object.fromEntries(added.outputs.map((output) => [output, 0])) },
      tracedMs: tracedMs - startedMs,
      loadedMs: performance.now() - tracedMs,
    };
  } catch (thrown) {
    void store.release();
    throw isMillraceError(thrown) && thrown.code === 'TENSORFLOW' ? refused(name, thrown) : thrown;
  }
}

function refused(name: string, cause: MillraceError): MillraceError {
  return new MillraceError('UNSUPPORTED', `tracing: ${name}: TensorFlow refuses the graph: ${cause.message}`, { cause });
}

function isTfVariable(variable: ProgramVariable): variable is Variable {
  return !isSlot(variable);
}

function nativeVariable(store: VariableStore, variable: ProgramVariable) {
  if (isSlot(variable)) return { sharedName: store.slot(variable), dtype: variable.dtype, shape: variable.shape };
  const bound = store.bound(variable);
  return { sharedName: bound.sharedName, ...bound.spec };
}

function asTensor(tf: Tfjs, leaf: unknown, where: string): Tensor {
  if (isTensor(tf, leaf)) return leaf;
  throw new MillraceError('UNSUPPORTED', `tracing: ${where}: a traced function gives tensors, got ${JSON.stringify(leaf)}`);
}
