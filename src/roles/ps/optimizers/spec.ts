import type { OptimizerSpec } from '../../../tensorflow/model/trainable.js';

export type SpecOf<K extends OptimizerSpec['kind']> = Extract<OptimizerSpec, { readonly kind: K }>;
