import { dtypeOf } from '../tensor-data.js';
import type { TensorDtype } from '../tensor-value.js';
import { TrackableObjectGraph, type GraphDef, type NodeDef } from './generated/tensorflow.js';

/** A value in the bundle of variables of a SavedModel. */
export interface StoredVariable {
  /** Its key in the bundle. */
  readonly key: string;
  /** As its program names it: `dense/kernel`; the key where it has no name of its own. Several may have the same. */
  readonly name: string;
  /** Undefined for one that does not leave graphs, such as bfloat16. */
  readonly dtype: TensorDtype | undefined;
}

/** The key under which TensorFlow 2 keeps what it knows about the objects that hold the variables. */
export const objectGraphKey = '_CHECKPOINTABLE_OBJECT_GRAPH';

const valueAttribute = 'VARIABLE_VALUE';
const valueSuffix = `/.ATTRIBUTES/${valueAttribute}`;

/**
 * Keys and dtypes of all that the graph's savers write, by their SaveV2 nodes: in the graph itself (TensorFlow 1 and
 * Millrace) or in one of its functions (TensorFlow 2).
 */
export function storedKeys(graph: GraphDef): Map<string, TensorDtype | undefined> {
  const keys = new Map<string, TensorDtype | undefined>();
  for (const nodes of [graph.node, ...(graph.library?.function ?? []).map(({ nodeDef }) => nodeDef)]) {
    for (const save of nodes.filter(({ op }) => op === 'SaveV2')) {
      const types = save.attr['dtypes']?.value;
      const names = constantTexts(nodes, save.input[1]);
      if (types?.$case === 'list') names.forEach((name, i) => keys.set(name, dtypeOf(types.value.type[i] ?? 0)));
    }
  }
  return keys;
}

/** The texts of the constant behind an input: `node`, `node:i`, or `node:output:i` inside a function. */
function constantTexts(nodes: readonly NodeDef[], input: string | undefined): string[] {
  const value = nodes.find(({ name }) => name === input?.split(':', 1)[0])?.attr['value']?.value;
  return value?.$case === 'tensor' ? value.value.stringVal.map((text) => Buffer.from(text).toString()) : [];
}

/**
 * The variables by the names that an object graph gives them, in its order: from the root outwards. Without one, by their
 * keys.
 */
export function nameVariables(keys: ReadonlyMap<string, TensorDtype | undefined>, objectGraph: Uint8Array | undefined): StoredVariable[] {
  const names = new Map<string, string>();
  for (const { attributes } of objectGraph === undefined ? [] : TrackableObjectGraph.decode(objectGraph).nodes) {
    for (const { name, fullName, checkpointKey } of attributes) if (name === valueAttribute && fullName !== '') names.set(checkpointKey, fullName);
  }
  const ordered = [...names.keys(), ...[...keys.keys()].filter((key) => !names.has(key))];
  return ordered.filter((key) => keys.has(key) && key !== objectGraphKey).map((key) => ({ key, name: names.get(key) ?? keyAsName(key), dtype: keys.get(key) }));
}

/** A key without what only TensorFlow needs. */
export function keyAsName(key: string): string {
  return key.endsWith(valueSuffix) ? key.slice(0, -valueSuffix.length) : key;
}
