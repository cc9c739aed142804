import type { Layer, SymbolicTfTensor, Tfjs } from '../../../src/tensorflow/model/tfjs-types.js';

/** One input of a layer under test. */
export interface RowInput {
  /** Without the batch dimension. */
  readonly shape: readonly number[];
  /** Integers from 0 to `below`, exclusive, instead of real numbers. */
  readonly below?: number;
}

/** A layer of tf.layers in one configuration, and what tracing makes of it. */
export interface LayerRow {
  /** The factory's name in tf.layers. */
  readonly layer: string;
  /** What is particular about this row. */
  readonly variant?: string;
  readonly inputs: readonly RowInput[];
  /** The part of a model between inputs and output. */
  readonly connect: (tf: Tfjs, inputs: readonly SymbolicTfTensor[]) => SymbolicTfTensor | readonly SymbolicTfTensor[];
  /** The layer alone, where it is called directly. */
  readonly make?: (tf: Tfjs) => unknown;
  /** Called with tensors, outside a model. */
  readonly isDirect?: boolean;
  /** What tfjs itself says, in any execution, where it cannot run the layer, or lacks its gradient. */
  readonly tfjsRefuses?: { readonly what: 'everything' | 'gradients'; readonly says: RegExp; readonly because: string };
  /** Draws random numbers in training, which cannot be compared number by number. */
  readonly isRandom?: boolean;
  /** Why it runs on eager tfjs, as the warning says it, and for the documentation. Undefined: it is traced. */
  readonly fallsBack?: { readonly says: RegExp; readonly because: string };
}

/** A row of one layer with one input. */
export function row(
  layer: string,
  variant: string,
  shape: readonly number[] | RowInput,
  make: (tf: Tfjs) => unknown,
  more: Partial<Omit<LayerRow, 'layer' | 'variant' | 'inputs' | 'connect'>> = {},
): LayerRow {
  const input = 'shape' in shape ? shape : { shape };
  return { layer, variant, inputs: [input], connect: (tf, [x]) => applied(make(tf), x!), make, ...more };
}

/** A row of one layer that joins several inputs. */
export function joining(layer: string, variant: string, shapes: readonly (readonly number[])[], make: (tf: Tfjs) => unknown): LayerRow {
  return { layer, variant, inputs: shapes.map((shape) => ({ shape })), connect: (tf, inputs) => applied(make(tf), inputs) };
}

export function applied(layer: unknown, inputs: SymbolicTfTensor | readonly SymbolicTfTensor[]): SymbolicTfTensor {
  return (layer as Layer).apply(inputs as SymbolicTfTensor) as SymbolicTfTensor;
}

export function rowName({ layer, variant }: LayerRow): string {
  return variant === undefined || variant === '' ? layer : `${layer}, ${variant}`;
}
