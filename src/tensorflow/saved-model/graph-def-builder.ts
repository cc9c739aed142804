import { MillraceError } from '../../core/index.js';
import type { TensorValue } from '../tensor-value.js';
import { attr, type AttrValue, type GraphDtype } from './attributes.js';
import { GraphDef, type NodeDef } from './generated/tensorflow.js';

export interface GraphNode {
  /** Unique in the graph: letters, digits and `. _ - / \ >`, first a letter, digit, dot or >. */
  readonly name: string;
  /** Name of the operation, as in TensorFlow's registry. */
  readonly op: string;
  /** `name` or `name:0` for a first output, `name:i` for output i, `^name` for "after that node". */
  readonly inputs?: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly device?: string;
}

const nodeName = /^[A-Za-z0-9.>][A-Za-z0-9_.\\/>-]*$/;

/** Protocol buffers end at 2 GiB; TensorFlow refuses larger graphs. */
export const maxGraphBytes = 2 ** 31 - 1;

/**
 * Writes a TensorFlow graph node by node.
 *
 * Nodes may name inputs that are added later (loops do); {@link serialize} checks that all are there.
 */
export class GraphDefBuilder {
  readonly #nodes = new Map<string, NodeDef>();

  /** Adds one node and returns its name. @throws MODEL_INVALID for a bad name or one that is taken */
  add({ name, op, inputs = [], attrs = {}, device = '' }: GraphNode): string {
    if (!nodeName.test(name)) throw new MillraceError('MODEL_INVALID', `graph node "${name}": not a valid name`, { details: { name, op } });
    if (this.#nodes.has(name)) throw new MillraceError('MODEL_INVALID', `graph node "${name}" exists already; use uniqueName()`, { details: { name, op } });
    this.#nodes.set(name, { name, op, input: controlLast(inputs), attr: { ...attrs }, device });
    return name;
  }

  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** `prefix`, or `prefix_1`, `prefix_2`, ... where that is taken. */
  uniqueName(prefix: string): string {
    let name = prefix;
    for (let i = 1; this.#nodes.has(name); i++) name = `${prefix}_${i}`;
    return name;
  }

  /** A node that is fed. -1 in `shape` is an unknown dimension, undefined an unknown rank. */
  placeholder(name: string, dtype: GraphDtype, shape: readonly number[] | undefined): string {
    return this.add({ name, op: 'Placeholder', attrs: { dtype: attr.type(dtype), shape: attr.shape(shape) } });
  }

  /** A constant; its data is copied when the graph is serialized. */
  constant(name: string, value: TensorValue): string {
    return this.add({ name, op: 'Const', attrs: { dtype: attr.type(value.dtype), value: attr.tensor(value) } });
  }

  /** Another name for an output, so that it can be fetched by a name of one's own. */
  identity(name: string, input: string, dtype: GraphDtype): string {
    return this.add({ name, op: 'Identity', inputs: [input], attrs: { T: attr.type(dtype) } });
  }

  /** A node that runs all of `targets` and has no output. */
  group(name: string, targets: readonly string[]): string {
    return this.add({ name, op: 'NoOp', inputs: targets.map((target) => `^${target}`) });
  }

  /** The nodes so far, unchecked: a part of a graph may read nodes of the rest. */
  nodes(): NodeDef[] {
    return [...this.#nodes.values()];
  }

  /** The graph as a message, for writing it into a SavedModel. */
  toGraphDef(): GraphDef {
    this.#checkInputs();
    return { node: this.nodes(), library: undefined, versions: { producer: graphProducer, minConsumer: graphMinConsumer } };
  }

  /** The bytes of the GraphDef. @throws MODEL_INVALID where a node's input does not exist or the graph exceeds 2 GiB */
  serialize(): Uint8Array {
    const bytes = GraphDef.encode(this.toGraphDef()).finish();
    if (bytes.byteLength > maxGraphBytes) {
      throw new MillraceError(
        'MODEL_INVALID',
        `graph: ${bytes.byteLength} bytes, the limit is ${maxGraphBytes}; feed or initialise large values instead of writing constants`,
      );
    }
    return bytes;
  }

  #checkInputs(): void {
    const problems: string[] = [];
    for (const node of this.#nodes.values()) {
      for (const input of node.input) {
        if (!this.#nodes.has(input.replace(/^\^/, '').replace(/:\d+$/, ''))) problems.push(`node "${node.name}" (${node.op}) reads "${input}"`);
      }
    }
    if (problems.length > 0) throw new MillraceError('MODEL_INVALID', `graph: inputs that do not exist: ${problems.join('; ')}`, { details: { problems } });
  }
}

// A released producer version: 2.21 accepts it, and behaviours that older graphs keep for compatibility are off.
const graphProducer = 1882;
const graphMinConsumer = 12;

/** TensorFlow wants control inputs after all others. */
function controlLast(inputs: readonly string[]): string[] {
  return [...inputs.filter((input) => !input.startsWith('^')), ...inputs.filter((input) => input.startsWith('^'))];
}
