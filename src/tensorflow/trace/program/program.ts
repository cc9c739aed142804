import type { AttrValue, GraphDtype } from '../../saved-model/index.js';
import { attr } from '../../saved-model/index.js';
import type { TensorValue } from '../../tensor-value.js';

/** dtype and shape of a value; -1 for a dimension that follows the batch, undefined for an unknown rank. */
export interface ValueSpec {
  readonly dtype: GraphDtype;
  readonly shape: readonly number[] | undefined;
}

/** One output of one node. */
export interface Value {
  readonly node: ProgramNode;
  readonly index: number;
}

/** Nodes that stand for something outside the program; emission decides what that becomes. */
export const leafOps = Object.freeze({
  /** What the caller feeds; `leaf` is the number of the input. */
  input: '#input',
  /** A variable's value when the call begins; `leaf` is the number of the variable. */
  read: '#read',
  /** A variable's handle, for operations that change it. */
  handle: '#handle',
});

export interface ProgramNode {
  /** An operation of TensorFlow's registry, or one of {@link leafOps}. */
  readonly op: string;
  readonly attrs: Readonly<Record<string, AttrValue>>;
  readonly inputs: readonly Value[];
  /** Nodes that must have run before this one. */
  readonly after: readonly ProgramNode[];
  /** Where it comes from, outermost first: layer, then tfjs operation. */
  readonly scope: readonly string[];
  readonly outputs: readonly ValueSpec[];
  /** Which input or variable a leaf stands for. */
  readonly leaf: number;
  /** The value of a Const. */
  readonly constant: TensorValue | undefined;
}

/**
 * A function as TensorFlow operations on values: what a trace becomes and rewrites work on. Immutable; nodes stand in an
 * order in which each comes after all that it reads.
 */
export interface Program {
  readonly nodes: readonly ProgramNode[];
  readonly outputs: readonly Value[];
  /** Nodes that run for what they do to variables. */
  readonly effects: readonly ProgramNode[];
}

export type NodeInit = Pick<ProgramNode, 'op' | 'outputs'> & Partial<Omit<ProgramNode, 'op' | 'outputs'>>;

const noScope: readonly string[] = [];

/** Appends nodes to a program in the making. */
export class ProgramBuilder {
  readonly nodes: ProgramNode[] = [];
  readonly #constants = new Map<string, Value>();

  add({ op, outputs, attrs = {}, inputs = [], after = [], scope = noScope, leaf = -1, constant }: NodeInit): ProgramNode {
    const node: ProgramNode = { op, outputs, attrs, inputs, after, scope, leaf, constant };
    this.nodes.push(node);
    return node;
  }

  /** A node of one output. */
  value(init: NodeInit): Value {
    return { node: this.add(init), index: 0 };
  }

  /** An operation whose output has the dtype of its first input, as attribute T. */
  unary(op: string, input: Value, scope: readonly string[], more: Readonly<Record<string, AttrValue>> = {}): Value {
    const spec = specOf(input);
    return this.value({ op, inputs: [input], attrs: { T: attr.type(spec.dtype), ...more }, scope, outputs: [spec] });
  }

  /** An elementwise operation on two values of one dtype; the output has the shape of the first, unless `spec` says otherwise. */
  binary(op: string, a: Value, b: Value, scope: readonly string[], spec = specOf(a)): Value {
    return this.value({ op, inputs: [a, b], attrs: { T: attr.type(spec.dtype) }, scope, outputs: [spec] });
  }

  /** A constant; equal small ones are one node. */
  constant(value: TensorValue, scope: readonly string[] = noScope): Value {
    const make = (): Value =>
      this.value({
        op: 'Const',
        attrs: { dtype: attr.type(value.dtype), value: attr.tensor(value) },
        scope,
        outputs: [{ dtype: value.dtype, shape: value.shape }],
        constant: value,
      });
    if (value.data.length > 16 || value.dtype === 'string') return make();
    const key = `${value.dtype}[${value.shape.join()}]${Array.from(value.data as Float32Array, (each) => (Object.is(each, -0) ? '-0' : String(each))).join()}`;
    let known = this.#constants.get(key);
    if (known === undefined) this.#constants.set(key, (known = make()));
    return known;
  }

  int32(data: readonly number[], shape: readonly number[] = [data.length]): Value {
    return this.constant({ dtype: 'int32', shape, data: Int32Array.from(data) });
  }

  float32(value: number, shape: readonly number[] = []): Value {
    return this.constant({ dtype: 'float32', shape, data: Float32Array.of(value) });
  }
}

export function specOf({ node, index }: Value): ValueSpec {
  return node.outputs[index] as ValueSpec;
}

export function rankOf(value: Value): number | undefined {
  return specOf(value).shape?.length;
}
