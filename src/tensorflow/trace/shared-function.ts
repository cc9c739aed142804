import { MillraceError } from '../../core/errors.js';
import type { Tfjs } from '../model/tfjs-types.js';
import { NativeSession, type PreparedRun, type SessionHandle } from '../native/index.js';
import { describeSpec } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';
import { leafValue } from './leaf-value.js';
import type { ValueSpec } from './program/program.js';
import { prepareFunction, type FunctionNames } from './session/native-function.js';
import type { VariableStore } from './session/variable-store.js';
import { flatten, unflatten, type NamedLeaf, type Structure } from './structure.js';
import type { TraceEntry } from './traced-function.js';

/** A traced function on its way to another thread: plain data that survives postMessage. Attach it exactly once. */
export interface TracedHandle {
  readonly name: string;
  /** One for each session that its traces live in: one for all, where the function has variables. */
  readonly sessions: readonly SessionHandle[];
  readonly traces: readonly SharedTrace[];
  /** What each call is fed beside its inputs, such as `learningRate`, as it was when the handle was made. */
  readonly settings: Readonly<Record<string, TensorValue>>;
}

export interface SharedTrace {
  /** Position in `sessions`. */
  readonly session: number;
  readonly names: FunctionNames;
  /** dtypes and shapes of the inputs, -1 for the batch. */
  readonly inputs: readonly ValueSpec[];
  /** The structure of its outputs. */
  readonly like: Structure;
}

/**
 * A traced function of another thread. Inputs are {@link TensorValue}s or numbers in the structure of the function's own;
 * this thread needs no tfjs.
 *
 * Calls of several threads overlap: those that only read variables are independent. Training steps then run without locks
 * (Hogwild, Niu et al. 2011): each one moves the variables by a gradient of values that others may be changing.
 */
export interface AttachedFunction {
  /** Runs on native threads; the event loop of this thread goes on. @throws SHAPE_MISMATCH for shapes that are not traced, TENSORFLOW */
  values(...inputs: readonly unknown[]): Promise<unknown>;
  /** The same, blocking. */
  valuesSync(...inputs: readonly unknown[]): unknown;
  /** Changes one of {@link TracedHandle.settings} for the calls of this thread. @throws OPTION_INVALID where there is none of this name */
  set(setting: string, value: number): void;
  /** Gives the session up; the last thread to do so frees it. */
  close(): Promise<void>;
}

/** What {@link attachTraced} of another thread makes calls from. Takes a reference to each session. */
export function shareTraces(tf: Tfjs, name: string, entries: readonly TraceEntry[], settings: Readonly<Record<string, TensorValue>>): TracedHandle {
  const stores = [...new Set(entries.map(({ store }) => store))];
  for (const entry of entries) {
    entry.store.pushSync();
    for (const bound of entry.changes) bound.share();
  }
  return { name, sessions: stores.map(({ session }) => session.share()), traces: entries.map((entry) => sharedTrace(tf, entry, stores)), settings };
}

function sharedTrace(tf: Tfjs, { names, traced, inputNames, like, store }: TraceEntry, stores: readonly VariableStore[]): SharedTrace {
  const outputs = flatten(tf, like, 'output', 'output');
  return {
    session: stores.indexOf(store),
    names,
    inputs: traced.inputs.slice(0, inputNames.length),
    // Tensors do not travel.
    like: unflatten(
      tf,
      like,
      outputs.map(() => 0),
    ) as Structure,
  };
}

/** The function that another thread has shared. */
export function attachTraced({ name, sessions, traces, settings }: TracedHandle): AttachedFunction {
  const attached = sessions.map((handle) => NativeSession.attach(handle));
  const callable = traces.map((trace) => ({ ...trace, run: prepareFunction(attached[trace.session]!, trace.names) }));
  const fed = { ...settings };
  const find = (inputs: readonly unknown[]): { readonly run: PreparedRun; readonly feeds: readonly TensorValue[]; readonly like: Structure } => {
    const leaves = flatten(undefined, inputs.length === 1 ? inputs[0] : inputs, 'input', `${name}: input`);
    const values = leaves.map(({ leaf }) => leafValue(leaf));
    const found = callable.find((trace) => fits(values, trace.inputs));
    if (found === undefined) throw mismatch(name, leaves, values, traces);
    return { ...found, feeds: [...values, ...Object.values(fed)] };
  };
  return {
    values: async (...inputs) => {
      const { run, feeds, like } = find(inputs);
      return unflatten(undefined, like, await run.run(feeds));
    },
    valuesSync: (...inputs) => {
      const { run, feeds, like } = find(inputs);
      return unflatten(undefined, like, run.runSync(feeds));
    },
    set: (setting, value) => {
      if (fed[setting] === undefined)
        throw new MillraceError('OPTION_INVALID', `${name} has no setting '${setting}'; it has ${Object.keys(fed).join(', ') || 'none'}`);
      fed[setting] = { dtype: 'float32', shape: [], data: Float32Array.of(value) };
    },
    close: async () => {
      for (const session of attached) await session.close();
    },
  };
}

/** Whether values have these dtypes and shapes, with one number of rows for all that have a batch. */
function fits(values: readonly TensorValue[], specs: readonly ValueSpec[]): boolean {
  if (values.length !== specs.length) return false;
  let rows = -1;
  return specs.every(({ dtype, shape = [] }, i) => {
    const value = values[i]!;
    if (value.dtype !== dtype || value.shape.length !== shape.length) return false;
    return shape.every((size, axis) => {
      const given = value.shape[axis]!;
      if (size >= 0) return size === given;
      if (rows < 0) rows = given;
      return rows === given;
    });
  });
}

function mismatch(name: string, leaves: readonly NamedLeaf[], values: readonly TensorValue[], traces: readonly SharedTrace[]): MillraceError {
  const given = values.map(({ dtype, shape }, i) => `'${leaves[i]!.name}' ${describeSpec(dtype, shape)}`);
  const known = traces.map(({ inputs }) => inputs.map(({ dtype, shape }) => describeSpec(dtype, shape)).join(', '));
  return new MillraceError(
    'SHAPE_MISMATCH',
    `${name}: ${given.join(', ')} is not among what was traced when the function was shared: ${known.join('; ')}; call it with such inputs on its own thread and share it again`,
  );
}
