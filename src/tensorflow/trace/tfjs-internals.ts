import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';

/** The parts of tfjs-node 4.22 that tracing listens to. Nothing else reaches below tfjs's public API. */
export interface RawBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: readonly number[], dtype: number, values: RawValues): number;
  tensorDataSync(id: number): RawValues;
  deleteTensor(id: number): void;
  executeOp(op: string, attributes: readonly RawAttribute[], inputs: readonly number[], outputCount: number): RawTensor[];
}

export type RawValues = Float32Array | Int32Array | Uint8Array | BigInt64Array | readonly Uint8Array[];

export interface RawAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface RawTensor {
  readonly id: number;
  readonly shape: readonly number[];
  /** TF_DataType. */
  readonly dtype: number;
}

export interface RawBackend {
  binding: RawBinding;
  /** Uploads what is not uploaded yet and gives the native ids. */
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  readSync(dataId: object): unknown;
  write(values: unknown, shape: readonly number[], dtype: string): object;
  createOutputTensor(output: RawTensor): Tensor;
  executeSingleOutput(op: string, attributes: readonly RawAttribute[], inputs: readonly Tensor[]): Tensor;
  /** `id` is -1 until the first operation on the tensor. */
  readonly tensorMap: { get(dataId: object): { readonly shape: readonly number[]; readonly dtype: number; readonly id: number }; has(dataId: object): boolean };
}

export interface RawTapeNode {
  gradient?: (dys: readonly Tensor[]) => unknown;
}

export interface RawEngine {
  startScope(name?: string | null): void;
  endScope(result?: unknown): void;
  runKernel(name: string, inputs: unknown, attributes?: unknown): unknown;
  addTapeNode(...args: readonly unknown[]): void;
  makeVariable(initial: Tensor, ...rest: readonly unknown[]): Variable;
  readonly state: {
    readonly registeredVariables: Readonly<Record<string, Variable>>;
    readonly activeTape: RawTapeNode[] | null;
    readonly gradientDepth: number;
  };
}

export function rawBackend(tf: Tfjs): RawBackend {
  return tf.backend() as unknown as RawBackend;
}

export function rawEngine(tf: Tfjs): RawEngine {
  return tf.engine() as unknown as RawEngine;
}

/** The native id of a tensor, which is uploaded where it was not yet. */
export function nativeId(backend: RawBackend, tensor: Tensor): number {
  return backend.getInputTensorIds([tensor])[0] as number;
}

/** Variables that exist now, in the order in which they were made. */
export function registeredVariables(tf: Tfjs): readonly Variable[] {
  return Object.values(rawEngine(tf).state.registeredVariables);
}
