import { attr } from '../../saved-model/index.js';
import type { TensorDtype } from '../../tensor-value.js';
import type { Affine } from '../affine.js';
import { specOf, type ProgramBuilder, type Value } from './program.js';

const scope: readonly string[] = ['batch'];
const int32 = attr.type('int32');

/** Values that follow the number of rows of the fed batch. */
export class BatchSize {
  readonly #builder: ProgramBuilder;
  readonly #input: Value | undefined;
  #int: Value | undefined;
  #float: Value | undefined;
  readonly #vectors = new Map<string, Value>();

  constructor(builder: ProgramBuilder, input: Value | undefined) {
    this.#builder = builder;
    this.#input = input;
  }

  /** int32 []: the rows of the input, when the call runs. */
  get int(): Value {
    if (this.#int !== undefined) return this.#int;
    const builder = this.#builder;
    const input = this.#input!;
    const { dtype, shape } = specOf(input);
    const dims = builder.value({
      op: 'Shape',
      inputs: [input],
      attrs: { T: attr.type(dtype), out_type: int32 },
      scope,
      outputs: [{ dtype: 'int32', shape: shape === undefined ? undefined : [shape.length] }],
    });
    const [begin, end] = [builder.int32([0]), builder.int32([1])];
    const masks = { begin_mask: attr.int(0), end_mask: attr.int(0), ellipsis_mask: attr.int(0), new_axis_mask: attr.int(0), shrink_axis_mask: attr.int(1) };
    this.#int = builder.value({
      op: 'StridedSlice',
      inputs: [dims, begin, end, end],
      attrs: { T: int32, Index: int32, ...masks },
      scope,
      outputs: [{ dtype: 'int32', shape: [] }],
    });
    return this.#int;
  }

  get float(): Value {
    this.#float ??= this.#builder.value({
      op: 'Cast',
      inputs: [this.int],
      attrs: { SrcT: int32, DstT: attr.type('float32'), Truncate: attr.bool(false) },
      scope,
      outputs: [{ dtype: 'float32', shape: [] }],
    });
    return this.#float;
  }

  /** int32 [entries] */
  integers(entries: readonly Affine[]): Value {
    const builder = this.#builder;
    if (entries.every(({ slope }) => slope === 0)) return builder.int32(entries.map(({ offset }) => offset));
    const key = entries.map(({ slope, offset }) => `${slope}*B+${offset}`).join();
    let vector = this.#vectors.get(key);
    if (vector === undefined) {
      const spec = { dtype: 'int32', shape: [entries.length] } as const;
      const product = builder.binary('Mul', builder.int32(entries.map(({ slope }) => slope)), this.int, scope, spec);
      const offsets = entries.map(({ offset }) => offset);
      vector = offsets.every((offset) => offset === 0) ? product : builder.binary('AddV2', product, builder.int32(offsets), scope, spec);
      this.#vectors.set(key, vector);
    }
    return vector;
  }

  /** int32 [] */
  integer({ slope, offset }: Affine): Value {
    const builder = this.#builder;
    if (slope === 0) return builder.int32([offset], []);
    const product = slope === 1 ? this.int : builder.binary('Mul', builder.int32([slope], []), this.int, scope);
    return offset === 0 ? product : builder.binary('AddV2', product, builder.int32([offset], []), scope);
  }

  /** float32 of one element, or its reciprocal. */
  scalar({ slope, offset }: Affine, shape: readonly number[], reciprocal: boolean): Value {
    const builder = this.#builder;
    const spec = { dtype: 'float32', shape } as const;
    const product = slope === 1 && shape.length === 0 ? this.float : builder.binary('Mul', builder.float32(slope, shape), this.float, scope, spec);
    const sum = offset === 0 ? product : builder.binary('AddV2', product, builder.float32(offset, shape), scope, spec);
    return reciprocal ? builder.unary('Reciprocal', sum, scope) : sum;
  }

  /** [length]: start, start + stride... */
  range(
    { length, start, stride }: { readonly length: Affine; readonly start: number; readonly stride: number },
    dtype: TensorDtype,
    at: readonly string[],
  ): Value {
    const builder = this.#builder;
    const spec = { dtype, shape: [-1] } as const;
    const [from, step] = [builder.int32([0], []), builder.int32([1], [])];
    const numbers = {
      op: 'Range',
      inputs: [from, this.integer(length), step],
      attrs: { Tidx: int32 },
      scope: at,
      outputs: [{ ...spec, dtype: 'int32' } as const],
    };
    const cast = { SrcT: int32, DstT: attr.type(dtype), Truncate: attr.bool(false) };
    const counted = builder.value(numbers);
    const typed = dtype === 'int32' ? counted : builder.value({ op: 'Cast', inputs: [counted], attrs: cast, scope: at, outputs: [spec] });
    const scalar = (value: number): Value => (dtype === 'int32' ? builder.int32([value], []) : builder.float32(value));
    const scaled = stride === 1 ? typed : builder.binary('Mul', typed, scalar(stride), at, spec);
    return start === 0 ? scaled : builder.binary('AddV2', scaled, scalar(start), at, spec);
  }

  /** -1 where a dimension follows the batch. */
  shapeOf(entries: readonly Affine[]): readonly number[] {
    return entries.map(({ slope, offset }) => (slope === 0 ? offset : -1));
  }
}
