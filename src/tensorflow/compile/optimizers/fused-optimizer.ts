import type { OptimizerSpec } from '../../model/trainable.js';
import { attr, type AttrValue } from '../../saved-model/index.js';
import { handleOf } from '../../trace/program/with-assignments.js';
import { leafOps, ProgramBuilder, specOf, type ProgramNode, type Value } from '../../trace/program/program.js';
import type { Slot } from '../../trace/session/variable-store.js';
import type { ProgramVariable } from '../../trace/trace-program.js';

/** An optimizer of TensorFlow's fused kernels, one operation for each variable, with tfjs's semantics. */
export interface FusedOptimizer {
  /** Scalars that all variables share, by name, such as powers of beta: the value in the first step. */
  readonly shared: Readonly<Record<string, number>>;
  /** Slots of each variable, by name: the initial value of their elements. */
  readonly slots: Readonly<Record<string, number>>;
  /** Whether {@link Updates.applySparse} takes an index more than once. */
  readonly sumsDuplicates?: boolean;
  /** Adds what is computed once in a step. `shared` are the values of this step. */
  open(step: StepBuilder, shared: Readonly<Record<string, Value>>): Updates;
}

/** The updates of one step. */
export interface Updates {
  /** Values of shared scalars for the next step. */
  readonly next?: Readonly<Record<string, Value>>;
  /** Adds the update of one variable by a dense gradient. */
  apply(variable: UpdatedVariable, gradient: Value): ProgramNode;
  /** The same by rows; for optimizers with moments it is the lazy variant, which leaves the moments of other rows. */
  applySparse(variable: UpdatedVariable, rows: SparseRows): ProgramNode;
}

export type SpecOf<K extends OptimizerSpec['kind']> = Extract<OptimizerSpec, { readonly kind: K }>;

export interface UpdatedVariable {
  readonly handle: Value;
  /** Handles of its slots, by name. */
  readonly slots: Readonly<Record<string, Value>>;
  /** Its value when the call began. */
  read(): Value;
  readonly shape: readonly number[];
}

/** Gradients of single rows: values [n, ...], indices int32 [n]. */
export interface SparseRows {
  readonly values: Value;
  readonly indices: Value;
}

const scope: readonly string[] = ['optimizer'];

/** The program of a step while the updates of its variables are added. */
export class StepBuilder {
  readonly builder = new ProgramBuilder();
  readonly learningRate: Value;
  readonly #variables: ProgramVariable[];
  readonly #nodes: readonly ProgramNode[];
  readonly #reads = new Map<number, Value>();

  /** @param learningRate number of the program's input that feeds it */
  constructor(nodes: readonly ProgramNode[], variables: readonly ProgramVariable[], learningRate: number) {
    this.#nodes = nodes;
    this.#variables = [...variables];
    this.learningRate = this.builder.value({ op: leafOps.input, leaf: learningRate, outputs: [{ dtype: 'float32', shape: [] }] });
  }

  get variables(): readonly ProgramVariable[] {
    return this.#variables;
  }

  scalar(value: number): Value {
    return this.builder.float32(value);
  }

  binary(op: string, a: Value, b: Value): Value {
    return this.builder.binary(op, a, b, scope);
  }

  unary(op: string, a: Value): Value {
    return this.builder.unary(op, a, scope);
  }

  /** An operation on variables, for what it does. */
  effect(op: string, inputs: readonly Value[], attrs: Readonly<Record<string, AttrValue>>, after: readonly ProgramNode[] = []): ProgramNode {
    return this.builder.add({ op, inputs, attrs, after, scope, outputs: [] });
  }

  /** Rows of a variable, of the shape of `like`. */
  gather(handle: Value, indices: Value, like: Value): Value {
    const attrs = { dtype: float, Tindices: attr.type('int32'), batch_dims: attr.int(0), validate_indices: attr.bool(true) };
    return this.builder.value({ op: 'ResourceGather', inputs: [handle, indices], attrs, scope, outputs: [specOf(like)] });
  }

  scatter(op: 'ResourceScatterUpdate' | 'ResourceScatterSub', handle: Value, indices: Value, rows: Value, after: readonly ProgramNode[] = []): ProgramNode {
    return this.effect(op, [handle, indices, rows], { dtype: float, Tindices: attr.type('int32') }, after);
  }

  /** The same effect, after another one. */
  after(first: ProgramNode, { op, inputs, attrs, after }: ProgramNode): ProgramNode {
    return this.effect(op, inputs, attrs, [...after, first]);
  }

  /** The handle of a variable or slot, by number. */
  handle(variable: number): Value {
    return handleOf(this.builder, variable, this.#nodes);
  }

  /** The value of a variable or slot when the call began. */
  read(variable: number): Value {
    let value = this.#reads.get(variable);
    if (value !== undefined) return value;
    const known = this.#nodes.find(({ op, leaf }) => op === leafOps.read && leaf === variable);
    const { dtype, shape } = this.#variables[variable]!;
    value = known === undefined ? this.builder.value({ op: leafOps.read, leaf: variable, outputs: [{ dtype: dtype, shape }] }) : { node: known, index: 0 };
    this.#reads.set(variable, value);
    return value;
  }

  /** Adds a slot and gives its number. */
  add(slot: Slot): number {
    return this.#variables.push(slot) - 1;
  }

  assign(variable: number, value: Value): ProgramNode {
    return this.effect('AssignVariableOp', [this.handle(variable), value], { dtype: attr.type(specOf(value).dtype), validate_shape: attr.bool(false) });
  }
}

export const float = attr.type('float32');
export const unlocked: Readonly<Record<string, AttrValue>> = Object.freeze({ T: float, use_locking: attr.bool(false) });
export const unlockedRows: Readonly<Record<string, AttrValue>> = Object.freeze({ ...unlocked, Tindices: attr.type('int32') });
