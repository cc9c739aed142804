import type { Variable } from '../model/tfjs-types.js';
import type { TensorValue } from '../tensor-value.js';
import type { RandomOrigin } from './random-watch.js';
import type { RawAttribute, RawTensor, RawValues } from './tfjs-internals.js';

/** What one run of a function did below tfjs: operations and the constants that JavaScript made for them, in order. */
export interface Recording {
  /** Size of the batch that it ran with. */
  readonly batch: number;
  readonly steps: readonly Step[];
  /** Native ids of what went in and came out, in order. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Variables that were read, in the order of their first use, and the native id that each had when the run began. */
  readonly variables: readonly VariableUse[];
  /** Variables that the run gave another value, and the native id of that. */
  readonly assigned: readonly VariableUse[];
  /** Values of the outputs: what a traced graph must give for the same inputs. */
  readonly results: readonly TensorValue[];
}

export interface VariableUse {
  readonly variable: Variable;
  readonly id: number;
}

export type Step = OperationStep | ConstantStep;

export interface OperationStep {
  readonly kind: 'operation';
  readonly op: string;
  readonly attributes: readonly RawAttribute[];
  readonly inputs: readonly number[];
  readonly outputs: readonly RawTensor[];
  /** tfjs's scopes around it, outermost first: layer, then op. Those of a gradient begin with 'gradients'. */
  readonly scope: readonly string[];
}

export interface ConstantStep {
  readonly kind: 'constant';
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly values: RawValues;
  readonly scope: readonly string[];
  /** Set where one of tfjs's random operations made the values. */
  readonly random: RandomOrigin | undefined;
  /** Made where JavaScript made the values; its stack is looked at only for a message. */
  readonly madeAt: Error;
}

/** How a scope reads in messages. */
export function scopeText(scope: readonly string[]): string {
  return scope.join('/') || 'the function';
}
