import { isMillraceError, MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import { generalize } from './generalize.js';
import { installOverrides } from './overrides/index.js';
import { buildProgram } from './program/build-program.js';
import type { Program, ValueSpec } from './program/program.js';
import { specOf } from './program/program.js';
import { record } from './record.js';
import type { Recording } from './recording.js';
import { cycleRows, toTfjs } from './sample.js';
import type { Slot } from './session/variable-store.js';
import { rawBackend } from './tfjs-internals.js';
import { keepingVariables, warmUp } from './variables-kept.js';

export interface ProgramRequest {
  readonly tf: Tfjs;
  /** Synchronous; gets and gives tensors in the order of `inputs` and of the outputs. */
  readonly fn: (inputs: readonly Tensor[]) => readonly Tensor[];
  readonly inputs: readonly ProgramInput[];
  /** Seed of random operations whose caller gave none; undefined: another sequence in each session. */
  readonly seed: number | undefined;
}

export interface ProgramInput {
  /** For messages. */
  readonly name: string;
  /** A value that the function accepts. */
  readonly example: TensorValue;
  /** True where the first dimension is the batch, of any size. */
  readonly isBatched: boolean;
}

/** A function's operations for every batch size, and what it read and changed. */
export interface TracedProgram {
  /** Its outputs are the function's, then the new value of each variable in `assigned`. */
  readonly program: Program;
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  /** By number, as the program's leaves count. */
  readonly variables: readonly ProgramVariable[];
  /** Numbers of the variables that a call gives another value. */
  readonly assigned: readonly number[];
  /** Numbers of the variables that the program's own effects change. */
  readonly updated: readonly number[];
  /** A batch that was run while tracing, and what it gave with the variables' values of then. */
  readonly sample: { readonly feeds: readonly TensorValue[]; readonly results: readonly TensorValue[] };
  readonly isRandom: boolean;
}

/** What lives in the session: a variable of tfjs's, or one that only native code knows. */
export type ProgramVariable = Variable | Slot;

export function isSlot(variable: ProgramVariable): variable is Slot {
  return 'fill' in variable && typeof variable.fill === 'number';
}

/** Batch sizes of the runs. None is 1, which broadcasting treats as a case of its own. */
const sizes = [2, 3, 5] as const;

/**
 * Traces a function on the calling thread's tfjs: runs it once to let it make its variables, at three batch sizes, and
 * at the first one again. Variables have their values of before afterwards.
 *
 * @throws UNSUPPORTED naming the scope, operation and line that no graph can follow; and what the function throws
 */
export function traceProgram(request: ProgramRequest): TracedProgram {
  const { tf, inputs, fn } = request;
  const isBatched = inputs.some((input) => input.isBatched);
  const feedsOf = (size: number): TensorValue[] => inputs.map(({ example, isBatched: cycles }) => (cycles ? cycleRows(example, size) : example));
  const run = <T>(feeds: readonly TensorValue[], work: (tensors: readonly Tensor[]) => T): T => {
    let result: T | undefined;
    // Not through tidy(): that searches what it returns for tensors, element by element of every array.
    tf.tidy(() => {
      result = work(feeds.map((value, i) => toTfjs(tf, value, `input ${inputs[i]!.name}`)));
    });
    return result as T;
  };
  const recordAt = (size: number, salt: number): Recording =>
    keepingVariables(tf, () => run(feedsOf(size), (tensors) => record({ tf, batch: size, inputs: tensors, salt, work: forRows(size, () => fn(tensors)) })));
  const restore = installOverrides(tf);
  try {
    warmUp(tf, () => run(hasRows(inputs) ? inputs.map(({ example }) => example) : feedsOf(sizes[0]), (tensors) => void fn(tensors)));
    const recordings = (isBatched ? sizes : sizes.slice(0, 1)).map((size, i) => recordAt(size, i));
    const twin = recordAt(sizes[0], sizes.length);
    return assemble(request, recordings, twin, feedsOf((recordings.at(-1) as Recording).batch));
  } finally {
    restore();
  }
}

function hasRows(inputs: readonly ProgramInput[]): boolean {
  return inputs.every(({ example, isBatched }) => !isBatched || example.shape[0] !== 0);
}

/** Errors of a function that has just run for the example's rows say that it does not run for any number of them. */
function forRows<T>(size: number, work: () => T): () => T {
  return () => {
    try {
      return work();
    } catch (thrown) {
      if (isMillraceError(thrown)) throw thrown;
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      throw new MillraceError(
        'UNSUPPORTED',
        `tracing: fails for ${size} rows: ${text}; where it works for one number of rows alone, use the option batch: 'none'`,
        {
          cause: thrown,
        },
      );
    }
  };
}

function assemble({ tf, inputs, seed }: ProgramRequest, recordings: readonly Recording[], twin: Recording, feeds: readonly TensorValue[]): TracedProgram {
  const [first] = recordings as [Recording, ...Recording[]];
  const steps = generalize(recordings, twin);
  const variables = [...new Set([...first.variables, ...first.assigned].map(({ variable }) => variable))];
  for (const other of recordings) checkVariables(variables, other);
  const inputSpecs = inputs.map(({ example, isBatched }): ValueSpec => ({
    dtype: example.dtype,
    shape: isBatched ? [-1, ...example.shape.slice(1)] : example.shape,
  }));
  const batchInput = inputs.findIndex(({ isBatched }) => isBatched);
  const idOf = new Map(first.variables.map(({ variable, id }) => [variable, id]));
  const program = buildProgram({
    steps,
    inputs: first.inputs.map((id, i) => ({ id, spec: inputSpecs[i]! })),
    variables: variables.map((variable) => ({
      id: idOf.get(variable) ?? -1,
      spec: { dtype: variable.dtype as TensorDtype, shape: variable.shape },
    })),
    outputs: first.outputs,
    assigned: first.assigned.map(({ variable, id }) => ({ variable: variables.indexOf(variable), id })),
    batchInput: batchInput < 0 ? undefined : batchInput,
    binding: rawBackend(tf).binding,
    seed,
  });
  return {
    program,
    inputs: inputSpecs,
    outputs: program.outputs.slice(0, first.outputs.length).map(specOf),
    variables,
    assigned: first.assigned.map(({ variable }) => variables.indexOf(variable)),
    updated: [],
    sample: { feeds, results: (recordings.at(-1) as Recording).results },
    isRandom: steps.some(({ kind, ...step }) => kind === 'random' || ('step' in step && step.step.kind === 'operation' && step.step.op === 'Multinomial')),
  };
}

function checkVariables(variables: readonly Variable[], { variables: read, assigned, batch }: Recording): void {
  const seen = new Set([...read, ...assigned].map(({ variable }) => variable));
  if (seen.size === variables.length && variables.every((variable) => seen.has(variable))) return;
  throw new MillraceError('UNSUPPORTED', `tracing: uses other variables for ${batch} rows: ${[...seen].map(({ name }) => name).join(', ')}`);
}
