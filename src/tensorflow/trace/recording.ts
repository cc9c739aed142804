import type { RawAttribute, RawTensor, RawValues } from './tfjs-internals.js';

/** What one run of a function did below tfjs: operations and the constants that JavaScript made for them, in order. */
export interface Recording {
  /** Size of the batch that it ran with. */
  readonly batch: number;
  readonly steps: readonly Step[];
  /** Native ids of what went in and came out, by name. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly variables: Readonly<Record<string, number>>;
  readonly outputs: Readonly<Record<string, number>>;
  /** Values of the outputs: what a traced graph must give for the same inputs. */
  readonly results: Readonly<Record<string, Float32Array>>;
}

export type Step = OperationStep | ConstantStep;

export interface OperationStep {
  readonly kind: 'operation';
  readonly op: string;
  readonly attributes: readonly RawAttribute[];
  readonly inputs: readonly number[];
  readonly outputs: readonly RawTensor[];
  /** tfjs's scopes around it, outermost first: names the layer or op in messages. */
  readonly scope: string;
}

export interface ConstantStep {
  readonly kind: 'constant';
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly values: RawValues;
  readonly scope: string;
}
