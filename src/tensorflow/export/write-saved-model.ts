import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../core/index.js';
import { wheel } from '../library/wheel.js';
import type { NativeSession } from '../native/index.js';
import { maxGraphBytes } from '../saved-model/graph-def-builder.js';
import { SavedModel, type GraphDef } from '../saved-model/generated/tensorflow.js';
import { makeMetaGraph, type ExportedSignature } from '../saved-model/meta-graph.js';
import { savedModelFile, variablesPrefix } from '../saved-model/layout.js';
import { replaceFolder } from './replace-folder.js';
import { saveVariables, type SessionVariable } from './save-variables.js';

/** A variable of the graph that is written, and of the session that has its value. */
export interface ExportedVariable extends SessionVariable {
  /** Name of its VarHandleOp in the graph. */
  readonly handle: string;
  /** Default true: Python lists it among the trainable ones. */
  readonly trainable?: boolean;
}

export interface SavedModelContents {
  /** Only what signatures and variables need is written. */
  readonly graph: GraphDef;
  /** All variables that the signatures use; further ones, such as an optimizer's, may be among them. */
  readonly variables: readonly ExportedVariable[];
  readonly signatures: readonly ExportedSignature[];
  /** Default `serve`. */
  readonly tags?: readonly string[];
}

const schemaVersion = 1n;

/**
 * Writes a SavedModel in TensorFlow's standard layout: saved_model.pb and variables/, with the values that the variables
 * have in `session` now. Python's `tf.saved_model.load` and `tf.keras.layers.TFSMLayer`, TensorFlow Serving and
 * openSavedModelPredictor read it.
 *
 * A SavedModel in `dir` is replaced; half of one is never to be seen. Steps that run meanwhile may come between two
 * variables: stop them for a consistent state.
 *
 * @throws MODEL_INVALID listing what is wrong with the contents, or where `dir` holds something else; TENSORFLOW, DISK_FULL,
 *   IO_FAILED
 */
export async function writeSavedModel(dir: string, contents: SavedModelContents, session: NativeSession): Promise<void> {
  const variables = contents.variables.map((variable) => ({ ...variable, trainable: variable.trainable ?? true }));
  const metaGraph = makeMetaGraph({ ...contents, variables, tags: contents.tags ?? ['serve'], tensorflowVersion: wheel.version });
  const bytes = SavedModel.encode({ savedModelSchemaVersion: schemaVersion, metaGraphs: [metaGraph] }).finish();
  if (bytes.byteLength > maxGraphBytes) {
    throw new MillraceError(
      'MODEL_INVALID',
      `SavedModel ${dir}: the graph has ${bytes.byteLength} bytes, the limit is ${maxGraphBytes}; keep large values in variables`,
    );
  }
  await replaceFolder(dir, { what: 'SavedModel', marker: savedModelFile }, async (folder) => {
    if (variables.length > 0) await saveVariables(session, join(folder, variablesPrefix), variables);
    await writeFile(join(folder, savedModelFile), bytes);
  });
}
