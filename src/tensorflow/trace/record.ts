import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';
import { Listener } from './listener.js';
import type { Recording, VariableUse } from './recording.js';
import { nativeId, rawBackend, registeredVariables } from './tfjs-internals.js';

export interface RecordOptions {
  readonly tf: Tfjs;
  readonly batch: number;
  readonly inputs: readonly Tensor[];
  /** Differs from run to run: what random operations draw from. */
  readonly salt: number;
  /** Synchronous; its tensors are disposed by the caller's tidy. */
  readonly work: () => readonly Tensor[];
}

/**
 * Runs `work` and writes down every operation that reaches the native binding. Leaves variables as `work` left them. Not
 * reentrant.
 *
 * @throws UNSUPPORTED where JavaScript reads a value that depends on inputs or variables, or makes a variable
 */
export function record({ tf, batch, inputs, salt, work }: RecordOptions): Recording {
  const backend = rawBackend(tf);
  // Uploaded before listening, so that they do not show as constants.
  const inputIds = inputs.map((tensor) => nativeId(backend, tensor));
  const before = new Map(registeredVariables(tf).map((variable) => [variable, variable.dataId]));
  const listener = new Listener(tf, inputIds, salt);
  let outputs: readonly Tensor[] = [];
  let outputIds: readonly number[] = [];
  let assigned: readonly VariableUse[] = [];
  listener.during(() => {
    outputs = work();
    outputIds = outputs.map((tensor) => idOf(tensor));
    assigned = changedVariables(tf, before).map((variable) => ({ variable, id: idOf(variable) }));
  });
  return {
    batch,
    steps: listener.steps,
    inputs: inputIds,
    outputs: outputIds,
    variables: listener.variables,
    assigned,
    results: outputs.map(readTensor),
  };

  function idOf(tensor: Tensor): number {
    const id = nativeId(backend, tensor);
    listener.use(id);
    return id;
  }
}

function changedVariables(tf: Tfjs, before: ReadonlyMap<Variable, object>): Variable[] {
  return registeredVariables(tf).filter((variable) => {
    const dataId = before.get(variable);
    if (dataId === undefined) throw new MillraceError('UNSUPPORTED', `tracing: makes a variable (${variable.name}) in every call; make it once, outside`);
    return dataId !== variable.dataId;
  });
}

/** A copy of a tensor's values. */
function readTensor(tensor: Tensor): TensorValue {
  const data = tensor.dataSync();
  return { dtype: tensor.dtype as TensorDtype, shape: tensor.shape, data: Array.isArray(data) ? [...(data as string[])] : data.slice() };
}
