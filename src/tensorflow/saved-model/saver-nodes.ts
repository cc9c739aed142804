import { attr } from './attributes.js';
import { GraphDefBuilder } from './graph-def-builder.js';
import type { GraphDef, NodeDef, SaverDef, VariableDef } from './generated/tensorflow.js';
import type { TensorDtype } from '../tensor-value.js';

/** A variable of a graph as a SavedModel stores it. */
export interface GraphVariable {
  /** Key of its value in the bundle of variables. */
  readonly key: string;
  /** Name of its VarHandleOp. */
  readonly handle: string;
  readonly dtype: TensorDtype;
  readonly trainable: boolean;
}

export interface SaverNodes {
  readonly nodes: readonly NodeDef[];
  readonly saver: SaverDef;
  /** In the order of the variables: what Python needs to find them. */
  readonly variables: readonly VariableDef[];
}

const saverVersion2 = 2;

/**
 * The nodes by which TensorFlow restores, and saves, a graph's variables:
 *
 *     input -> filename -+-> SaveV2 (names, slices, read_0, read_1, ...) -> saved
 *                        +-> RestoreV2 (names, slices) -> assign_0, assign_1, ... -> restore_all
 *
 * Loaders feed `filename`, which therefore has a default.
 */
export function saverNodes(graph: GraphDef, variables: readonly GraphVariable[]): SaverNodes {
  const taken = new Set(graph.node.map(({ name }) => name.split('/', 1)[0]));
  let scope = 'save';
  for (let i = 1; taken.has(scope); i++) scope = `save_${i}`;

  const nodes = new GraphDefBuilder();
  const count = variables.length;
  const types = attr.types(variables.map(({ dtype }) => dtype));
  const input = nodes.constant(`${scope}/filename/input`, { dtype: 'string', shape: [], data: ['model'] });
  const filename = nodes.add({
    name: `${scope}/filename`,
    op: 'PlaceholderWithDefault',
    inputs: [input],
    attrs: { dtype: attr.type('string'), shape: attr.shape([]) },
  });
  const names = nodes.constant(`${scope}/names`, { dtype: 'string', shape: [count], data: variables.map(({ key }) => key) });
  const slices = nodes.constant(`${scope}/slices`, { dtype: 'string', shape: [count], data: variables.map(() => '') });
  const reads = variables.map(({ handle, dtype }, i) =>
    nodes.add({ name: `${scope}/read_${i}`, op: 'ReadVariableOp', inputs: [handle], attrs: { dtype: attr.type(dtype) } }),
  );
  const save = nodes.add({ name: `${scope}/SaveV2`, op: 'SaveV2', inputs: [filename, names, slices, ...reads], attrs: { dtypes: types } });
  const saved = nodes.add({ name: `${scope}/saved`, op: 'Identity', inputs: [filename, `^${save}`], attrs: { T: attr.type('string') } });
  const restore = nodes.add({ name: `${scope}/RestoreV2`, op: 'RestoreV2', inputs: [filename, names, slices], attrs: { dtypes: types } });
  const assigns = variables.map(({ handle, dtype }, i) =>
    nodes.add({ name: `${scope}/assign_${i}`, op: 'AssignVariableOp', inputs: [handle, `${restore}:${i}`], attrs: { dtype: attr.type(dtype) } }),
  );
  const restoreAll = nodes.group(`${scope}/restore_all`, assigns);
  return {
    nodes: nodes.nodes(),
    saver: { filenameTensorName: `${filename}:0`, saveTensorName: `${saved}:0`, restoreOpName: restoreAll, version: saverVersion2 },
    variables: variables.map(({ handle, trainable }, i) => ({
      variableName: `${handle}:0`,
      initializerName: assigns[i] as string,
      snapshotName: `${reads[i]}:0`,
      isResource: true,
      initialValueName: '',
      trainable,
    })),
  };
}
