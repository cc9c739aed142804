import { MillraceError } from '../../core/errors.js';
import type { Infer, Schema } from '../../memory/schema.js';
import { ColumnModel } from './column-model.js';
import { labelDefinitionProblems } from './column-problems.js';
import type { Network } from './network.js';
import type { Tensor, Tfjs, Variable } from './tfjs-types.js';
import type { OptimizerSpec } from './trainable.js';
import type { FeaturesOf, LabelFields, LabelsOf, Model, ModelInputs } from './types.js';

type Tensors<K extends PropertyKey> = { readonly [P in K]: Tensor };

export interface LossDefinition<In extends ModelInputs, L extends LabelFields, O extends Schema, V extends Readonly<Record<string, Variable>>> {
  /** For messages and metrics. Default 'model'. */
  readonly name?: string;
  readonly inputs: In;
  readonly label: L;
  /** Columns that predict makes: t.float32() for one value per row, t.vector(n) for n. */
  readonly outputs: O;
  /** Makes the variables, with their initial values; tf.randomNormal and the like are seeded. trainable: false is kept. */
  readonly variables: (tf: Tfjs) => V;
  /** The forward pass: features [batch, width] to outputs [batch, size]. */
  readonly predict: (variables: V, features: Tensors<keyof In>, tf: Tfjs) => Tensors<keyof O>;
  /** The mean loss over the batch, as a scalar. */
  readonly loss: (outputs: Tensors<keyof O>, labels: Tensors<keyof L>, tf: Tfjs, variables: V) => Tensor;
  readonly optimizer: OptimizerSpec;
}

/**
 * A forward pass and a loss over tf.Variables of one's own as a model on columns.
 *
 * @throws MODEL_INVALID for labels that no loss can read
 */
export function fromLoss<const In extends ModelInputs, const L extends LabelFields, const O extends Schema, V extends Readonly<Record<string, Variable>>>(
  definition: LossDefinition<In, L, O, V>,
): Model<FeaturesOf<In>, LabelsOf<L>, Infer<O>> {
  const { name = 'model', inputs, label, outputs, optimizer } = definition;
  const problems = labelDefinitionProblems(label);
  if (problems.length > 0) throw new MillraceError('MODEL_INVALID', `model ${name}: ${problems.join('; ')}`, { details: { problems } });
  const made = new ColumnModel({ name, inputs, labels: label, outputs, optimizer, integerLabels: false, open: (tf) => open(definition, tf) });
  return made;
}

function open<In extends ModelInputs, L extends LabelFields, O extends Schema, V extends Readonly<Record<string, Variable>>>(
  definition: LossDefinition<In, L, O, V>,
  tf: Tfjs,
): Network {
  const variables = tf.tidy(() => definition.variables(tf) as never) as V;
  return {
    variables: Object.entries(variables).map(([name, variable]) => ({ name, variable, trainable: variable.trainable })),
    forward: (features) => definition.predict(variables, features as Tensors<keyof In>, tf),
    loss: (made, labels) => definition.loss(made as Tensors<keyof O>, labels as Tensors<keyof L>, tf, variables),
    dispose: () => {
      for (const variable of Object.values<Variable>(variables)) variable.dispose();
    },
  };
}
