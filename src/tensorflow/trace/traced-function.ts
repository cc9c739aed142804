import type { Tensor } from '../model/tfjs-types.js';
import type { PreparedRun } from '../native/index.js';
import type { TensorValue } from '../tensor-value.js';
import type { TracedHandle } from './shared-function.js';
import type { BoundVariable } from './session/bound-variable.js';
import type { FunctionNames } from './session/native-function.js';
import type { VariableStore } from './session/variable-store.js';
import type { Leaf, WithLeaves } from './structure.js';
import type { TracedProgram } from './trace-program.js';

/**
 * A function of tfjs as one native call. It is called like the function, with tensors, {@link TensorValue}s or numbers in
 * the shapes of the example, the batch of any size; tensors that come back are the caller's to dispose.
 *
 * tf.Variables that the function reads or assigns live in its native session: reading one in JavaScript fetches its value,
 * assigning one is seen by the next call.
 */
export interface TracedFunction<I extends readonly unknown[] = readonly unknown[], O = unknown> {
  /** Runs on native threads; the event loop of this thread goes on. @throws SHAPE_MISMATCH, TENSORFLOW */
  (...inputs: CallInputs<I>): Promise<WithLeaves<O, Tensor>>;
  /** The same, blocking: the least overhead for small graphs. */
  sync(...inputs: CallInputs<I>): WithLeaves<O, Tensor>;
  /** The same outside tfjs: results are values, fresh arrays of the caller's. */
  values(...inputs: CallInputs<I>): Promise<WithLeaves<O, TensorValue>>;
  valuesSync(...inputs: CallInputs<I>): WithLeaves<O, TensorValue>;
  /** Values of the variables that the function uses, by tfjs's names, all read at once. */
  readVariables(names?: readonly string[]): Record<string, TensorValue>;
  /** Assigns variables, all at once, before the next call. @throws SHAPE_MISMATCH before any of them changed */
  assignVariables(values: Readonly<Record<string, TensorValue>>): void;
  /**
   * What another thread of this process needs to call this function, by {@link attachTraced}, on the same session and
   * variables: plain data for postMessage. Attach it exactly once: it counts as a user of the session from now on.
   *
   * It has what is traced now. Variables that the function changes count as changed at any time from now on:
   * reading one in JavaScript fetches its value, once in each turn of the event loop.
   *
   * @throws UNSUPPORTED where nothing is traced yet, or the function runs on eager tfjs
   */
  share(): TracedHandle;
  readonly stats: TraceStats;
  /** What was traced, one for each set of input shapes. */
  readonly traces: readonly TraceEntry[];
  /** Variables are ordinary again, with the session's values, when the last function over them has been closed. */
  close(): Promise<void>;
}

export type CallInputs<I extends readonly unknown[]> = { readonly [K in keyof I]: WithLeaves<I[K], Leaf> };

export interface TraceStats {
  /** Traces made so far. */
  readonly builds: number;
  /** Of these, those that can be called now. */
  readonly cached: number;
  readonly calls: number;
  /** Of these, those that ran on eager tfjs. */
  readonly eagerCalls: number;
}

/** One set of input shapes: a program in the session. */
export interface TraceEntry {
  /** dtypes and shapes, '?' for the batch. */
  readonly shapes: string;
  readonly traced: TracedProgram;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly names: FunctionNames;
  readonly prepared: PreparedRun;
  readonly store: VariableStore;
  /** Variables that a call changes. */
  readonly changes: readonly BoundVariable[];
  /** The structure of its outputs. */
  readonly like: unknown;
  /** How long tracing and loading took, ms. */
  readonly tracedMs: number;
  readonly loadedMs: number;
}
