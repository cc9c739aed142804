import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromSystemError, MillraceError } from '../../core/index.js';
import type { NativeSession } from '../native/index.js';
import { attr } from '../saved-model/attributes.js';
import { GraphDefBuilder } from '../saved-model/graph-def-builder.js';
import type { TensorDtype } from '../tensor-value.js';

/** One resource variable of a session, and the key of its value in a bundle of variables. */
export interface SessionVariable {
  /** Unique among the variables that are saved together. */
  readonly key: string;
  /** The `shared_name` of its VarHandleOp: what tells the session's variables apart. */
  readonly sharedName: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
}

/** The nodes of one saver: where the file's name is fed, and what runs. */
interface Saver {
  readonly file: string;
  readonly save: string;
}

// A session's graph only grows, so the saver of a set of variables is made once.
const savers = new WeakMap<NativeSession, Map<string, Saver>>();

/**
 * Writes variables of a session to `prefix`.index and `prefix`.data-00000-of-00001, the format that TensorFlow restores.
 *
 * The values go from the session's memory to the file, neither copied nor seen by JavaScript, so they may exceed any
 * limit of messages. Each variable is whole, but steps that run meanwhile may come between two variables. Folders above
 * `prefix` are made; files of that name are replaced.
 *
 * @throws MODEL_INVALID (no variables, a key twice), TENSORFLOW (a variable that the session does not have or that has
 *   another dtype; a file that cannot be written), DISK_FULL, IO_FAILED
 */
export async function saveVariables(session: NativeSession, prefix: string, variables: readonly SessionVariable[]): Promise<void> {
  checkKeys(variables);
  try {
    await mkdir(dirname(prefix), { recursive: true });
  } catch (thrown) {
    throw fromSystemError(thrown, 'folder for variables', dirname(prefix));
  }
  const { file, save } = saverOf(session, variables);
  await session.run({ [file]: { dtype: 'string', shape: [], data: [prefix] } }, [], [save]);
}

function checkKeys(variables: readonly SessionVariable[]): void {
  if (variables.length === 0) throw new MillraceError('MODEL_INVALID', 'saving variables: there are none; TensorFlow has no bundle without variables');
  const keys = new Set<string>();
  for (const { key } of variables) {
    if (keys.has(key)) throw new MillraceError('MODEL_INVALID', `saving variables: the key "${key}" is there twice`, { details: { key } });
    keys.add(key);
  }
}

function saverOf(session: NativeSession, variables: readonly SessionVariable[]): Saver {
  const known = savers.get(session) ?? new Map<string, Saver>();
  savers.set(session, known);
  const id = JSON.stringify(variables.map(({ key, sharedName, dtype, shape }) => [key, sharedName, dtype, shape]));
  let saver = known.get(id);
  if (saver === undefined) {
    // Threads that share the session share its graph, too: the names must differ from theirs.
    saver = extendBySaver(session, `millrace_save_${randomUUID()}`, variables);
    known.set(id, saver);
  }
  return saver;
}

function extendBySaver(session: NativeSession, scope: string, variables: readonly SessionVariable[]): Saver {
  const graph = new GraphDefBuilder();
  const file = graph.placeholder(`${scope}/file`, 'string', []);
  const names = graph.constant(`${scope}/names`, { dtype: 'string', shape: [variables.length], data: variables.map(({ key }) => key) });
  const slices = graph.constant(`${scope}/slices`, { dtype: 'string', shape: [variables.length], data: variables.map(() => '') });
  const values = variables.map(({ sharedName, dtype, shape }, i) => {
    const type = attr.type(dtype);
    const attrs = { dtype: type, shape: attr.shape(shape), shared_name: attr.string(sharedName), container: attr.string('') };
    const handle = graph.add({ name: `${scope}/handle_${i}`, op: 'VarHandleOp', attrs });
    return graph.add({ name: `${scope}/value_${i}`, op: 'ReadVariableOp', inputs: [handle], attrs: { dtype: type } });
  });
  const save = graph.add({
    name: `${scope}/save`,
    op: 'SaveV2',
    inputs: [file, names, slices, ...values],
    attrs: { dtypes: attr.types(variables.map(({ dtype }) => dtype)) },
  });
  session.extend(graph.serialize());
  return { file, save };
}
