import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/index.js';
import { NativeSession } from '../native/index.js';
import { attr } from '../saved-model/attributes.js';
import { GraphDefBuilder } from '../saved-model/graph-def-builder.js';
import { variablesPrefix } from '../saved-model/layout.js';
import { readGraph, savedModelIdentity } from '../saved-model/read-saved-model.js';
import { nameVariables, objectGraphKey, storedKeys, type StoredVariable } from '../saved-model/stored-variables.js';
import type { TensorDtype, TensorValue } from '../tensor-value.js';

/** The variables that lie beside a SavedModel's graph. */
export interface VariablesBundle {
  readonly variables: readonly StoredVariable[];
  /** @throws UNSUPPORTED for a dtype that does not leave graphs, TENSORFLOW where the files are damaged */
  read(variable: StoredVariable): Promise<TensorValue>;
}

/**
 * Opens the variables of a SavedModel of TensorFlow 1, 2, Keras or Millrace. The graph says what there is, TensorFlow's
 * RestoreV2 reads it, one variable after another.
 *
 * @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID (tags)
 */
export async function openVariablesBundle(dir: string, tags: readonly string[]): Promise<VariablesBundle> {
  const identity = await savedModelIdentity(dir);
  const graph = readGraph(identity.dir, tags);
  const keys = graph === undefined ? new Map<string, TensorDtype | undefined>() : storedKeys(graph);
  if (keys.size === 0) return { variables: [], read: (variable) => Promise.reject(new MillraceError('INTERNAL', `${dir} has no variable "${variable.key}"`)) };
  const prefix = join(identity.dir, variablesPrefix);
  await stat(`${prefix}.index`).catch((thrown: unknown) => {
    throw fromSystemError(thrown, 'variables of a SavedModel', `${prefix}.index`);
  });
  const objectGraph = keys.has(objectGraphKey) ? await restore(prefix, objectGraphKey, 'string') : undefined;
  return {
    variables: nameVariables(keys, objectGraph?.data[0] as Uint8Array | undefined),
    read: ({ key, name, dtype }) => {
      if (dtype === undefined) throw new MillraceError('UNSUPPORTED', `${dir}, variable "${name}": its dtype does not leave graphs; cast it in Python`);
      return restore(prefix, key, dtype);
    },
  };
}

async function restore(prefix: string, key: string, dtype: TensorDtype): Promise<TensorValue> {
  const graph = new GraphDefBuilder();
  const inputs = Object.entries({ prefix, key, slice: '' }).map(([name, text]) =>
    graph.constant(name, { dtype: 'string', shape: name === 'prefix' ? [] : [1], data: [text] }),
  );
  graph.add({ name: 'value', op: 'RestoreV2', inputs, attrs: { dtypes: attr.types([dtype]) } });
  const session = await NativeSession.fromGraphDef(graph.serialize());
  try {
    return (await session.run({}, ['value']))['value'] as TensorValue;
  } finally {
    await session.close();
  }
}
