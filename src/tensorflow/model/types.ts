import type { Field } from '../../memory/schema.js';
import type { ModelInput } from './inputs.js';
import type { SymbolicTensor } from './layers.js';
import type { TrainableModel } from './trainable.js';

/** A trainable model with the types of its columns: `F` features, `L` labels, `O` outputs, each by column name. */
export interface Model<F, L, O> extends TrainableModel {
  /** Never set: carries the types for the compiler. */
  readonly _types?: { readonly features: F; readonly labels: L; readonly outputs: O };
}

export type ModelInputs = Readonly<Record<string, ModelInput>>;
export type LabelFields = Readonly<Record<string, Field>>;
export type SymbolicOutputs = Readonly<Record<string, SymbolicTensor>>;

/** What rows must hold for these inputs. */
export type FeaturesOf<In extends ModelInputs> = { -readonly [K in keyof In]: In[K] extends ModelInput<infer T> ? T : never };
export type LabelsOf<L extends LabelFields> = { -readonly [K in keyof L]: L[K] extends Field<infer T> ? T : never };
/** One value per row: number; more: Float32Array; unknown to the compiler: either. */
export type ScoresOf<Out extends SymbolicOutputs> = { -readonly [K in keyof Out]: Out[K] extends SymbolicTensor<infer W> ? ScoreOf<W> : never };
type ScoreOf<W extends number> = [W] extends [1] ? number : 1 extends W ? number | Float32Array : Float32Array;

/** Columns that a prediction adds. */
export type OutputsOf<M> = M extends Model<infer _F, infer _L, infer O> ? O : never;

/** One entry per field that does not fit; the compiler prints it. */
export type Mismatch<Row, Needs> = {
  [K in keyof Needs as K extends keyof Row ? ([Row[K]] extends [Needs[K]] ? never : K) : K]: K extends keyof Row
    ? { readonly field: K; readonly has: Row[K]; readonly needs: Needs[K] }
    : { readonly field: K; readonly error: 'the stream has no such column'; readonly needs: Needs[K] };
};

type Fits<Row, Needs> = keyof Mismatch<Row, Needs> extends never ? unknown : { readonly 'the model does not fit the stream': Mismatch<Row, Needs> };

/** `model: M & Accepts<Row, M>`: a compile error naming the field where rows lack a feature or label. */
export type Accepts<Row, M> = M extends Model<infer F, infer L, infer _O> ? Fits<Row, F & L> : unknown;

/** The same for scoring: labels are not needed. */
export type AcceptsInputs<Row, M> = M extends Model<infer F, infer _L, infer _O> ? Fits<Row, F> : unknown;
