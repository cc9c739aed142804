import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';

/**
 * How a model reads one column. `T` is the type of the column's values in rows; it exists at compile time only.
 *
 * | made by     | columns                          | tensor of the batch                                             |
 * |-------------|----------------------------------|-----------------------------------------------------------------|
 * | numeric()   | int*, uint*, float*, bool        | float32 [batch, 1]: (x - mean) / std                            |
 * | numeric({ size }) | vector(size)               | float32 [batch, size]                                           |
 * | category(n) | int*, uint*                      | float32 [batch, n] one-hot, or int32 [batch, 1] with `dim`      |
 * | embedding() | string, int*, uint*              | int32 [batch, 1]: 1 + hash % buckets; 0 for null                |
 */
export type ModelInput<T = unknown> = (NumericInput | CategoryInput | EmbeddingInput) & {
  /** Never set: carries T for the compiler. */
  readonly _type?: T;
};

export interface NumericInput {
  readonly kind: 'numeric';
  /** Values per row. */
  readonly size: number;
  readonly mean: number;
  readonly std: number;
  /** What a null or NaN counts as, before (x - mean) / std; undefined: nulls are refused. */
  readonly default: number | undefined;
  /** True where one more value per row says 1 = was missing. */
  readonly missing: boolean;
}

export interface CategoryInput {
  readonly kind: 'category';
  readonly count: number;
  /** undefined: one-hot; else a learned vector of that many values. */
  readonly dim: number | undefined;
  readonly overflow: 'error' | 'bucket';
}

export interface EmbeddingInput {
  readonly kind: 'embedding';
  readonly dim: number;
  readonly buckets: number;
}

export interface NumericOptions {
  /** Subtracted first. Default 0. */
  readonly mean?: number;
  /** Divided by; > 0. Default 1. */
  readonly std?: number;
  /** The column is a vector of this many values. Default: a plain number. */
  readonly size?: number;
  /** Allows nulls (and NaN) and stands for them. */
  readonly default?: number;
  /** Adds a value per row: 1 where the column was null. Needs `default`. Default false. */
  readonly missing?: boolean;
}

type NumericValue<O> = (O extends { readonly size: number } ? Float32Array : number | boolean) | (O extends { readonly default: number } ? null : never);

const positiveInt = z.number().int().positive();
const numericOptions = z
  .strictObject({
    mean: z.number().default(0),
    std: z.number().positive().default(1),
    size: positiveInt.optional(),
    default: z.number().optional(),
    missing: z.boolean().default(false),
  })
  .refine((options) => !options.missing || options.default !== undefined, { path: ['missing'], message: 'needs `default`, the value that stands for a null' });

/** A number, scaled to (x - mean) / std. float32 columns with mean 0 and std 1 reach TensorFlow without a copy on the way. @throws OPTION_INVALID */
export function numeric<const O extends NumericOptions = NumericOptions>(options?: O): ModelInput<NumericValue<O>> {
  const resolved = resolveOptions(numericOptions, options, 'numeric()');
  return Object.freeze({
    kind: 'numeric',
    mean: resolved.mean,
    std: resolved.std,
    size: resolved.size ?? 1,
    default: resolved.default,
    missing: resolved.missing,
  });
}

export interface CategoryOptions {
  /** Learn a vector of `dim` values per category instead of one-hot. */
  readonly dim?: number;
  /**
   * What a value outside 0..count-1, or a null, does: 'error' makes the row a bad record; 'bucket' gives all such values one
   * category of their own, after the last. Default 'error'.
   */
  readonly overflow?: 'error' | 'bucket';
}

type CategoryValue<O> = number | (O extends { readonly overflow: 'bucket' } ? null : never);

const categoryOptions = z.strictObject({ count: positiveInt, dim: positiveInt.optional(), overflow: z.enum(['error', 'bucket']).default('error') });

/** An integer 0..count-1, such as an hour of the day. @throws OPTION_INVALID */
export function category<const O extends CategoryOptions = CategoryOptions>(count: number, options?: O): ModelInput<CategoryValue<O>> {
  const { dim, overflow } = resolveOptions(categoryOptions, { ...options, count }, 'category()');
  return Object.freeze({ kind: 'category', count, dim, overflow });
}

export interface EmbeddingOptions {
  /** Values of the learned vector. */
  readonly dim: number;
  /** Rows of the table; values are spread over them by a stable hash, so two values may share a row. Default 2048. */
  readonly buckets?: number;
}

const embeddingOptions = z.strictObject({ dim: positiveInt, buckets: positiveInt.default(2048) });

/** A learned vector per string or integer; null has a row of its own. @throws OPTION_INVALID */
export function embedding(options: EmbeddingOptions): ModelInput<string | number | bigint | null> {
  return Object.freeze({ kind: 'embedding', ...resolveOptions(embeddingOptions, options, 'embedding()') });
}

/** dtype and values per row of an input's tensor. */
export function inputTensor(input: ModelInput): { readonly dtype: 'float32' | 'int32'; readonly width: number } {
  switch (input.kind) {
    case 'numeric':
      return { dtype: 'float32', width: input.size + (input.missing ? 1 : 0) };
    case 'category':
      return input.dim === undefined ? { dtype: 'float32', width: categoryRows(input) } : { dtype: 'int32', width: 1 };
    case 'embedding':
      return { dtype: 'int32', width: 1 };
  }
}

/** Categories, the overflow bucket included. */
export function categoryRows(input: CategoryInput): number {
  return input.count + (input.overflow === 'bucket' ? 1 : 0);
}

/** Rows of the table, the one for null included. */
export function embeddingRows(input: EmbeddingInput): number {
  return input.buckets + 1;
}
