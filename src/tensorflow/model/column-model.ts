import { isMillraceError } from '../../core/errors.js';
import { silentLogger } from '../../core/logger.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import { loadEager } from './load-eager.js';
import type { Signature, TensorSpec, TensorValue } from '../tensor-value.js';
import { columnProblems, type ColumnNeeds } from './column-problems.js';
import { encodeInput, encodeLabel, findBadRows, type BadRow } from './encode.js';
import { inputTensor } from './inputs.js';
import type { Network, NetworkFactory } from './network.js';
import { seededRandom, withRandom } from './random.js';
import { EagerSession } from './eager-session.js';
import { openModelPredictor } from './model-predictor.js';
import type { ExecutionOptions, ModelPredictor, OptimizerSpec, StepExplanation, TrainableModel, TrainingSession, TrainingSessionOptions } from './trainable.js';

export interface ColumnModelOptions extends ColumnNeeds {
  readonly name: string;
  readonly optimizer: OptimizerSpec;
  /** True where labels are class numbers: they reach the loss as int32. */
  readonly integerLabels: boolean;
  readonly open: NetworkFactory;
}

/** The one TrainableModel: column encodings around a network, whatever the network was written as. */
export class ColumnModel implements TrainableModel {
  readonly name: string;
  readonly features: readonly string[];
  readonly labels: readonly string[];
  readonly outputs: Schema;
  readonly optimizer: OptimizerSpec;
  readonly signature: Signature;
  readonly #options: ColumnModelOptions;

  constructor(options: ColumnModelOptions) {
    this.#options = options;
    this.name = options.name;
    this.features = Object.keys(options.inputs);
    this.labels = Object.keys(options.labels);
    this.outputs = options.outputs;
    this.optimizer = options.optimizer;
    this.signature = signatureOf(options);
  }

  problems(schema: Schema | undefined, withLabels: boolean): readonly string[] {
    return columnProblems(this.#options, schema, withLabels);
  }

  badRows(batch: RecordBatch, withLabels: boolean): readonly BadRow[] {
    const bad = Object.entries(this.#options.inputs).flatMap(([name, input]) => findBadRows(name, input, batch.column(name)));
    if (!withLabels) return bad;
    return [...bad, ...this.labels.flatMap((name) => nullRows(name, batch))];
  }

  encodeFeatures(batch: RecordBatch): Readonly<Record<string, TensorValue>> {
    const encoded: Record<string, TensorValue> = {};
    for (const [name, input] of Object.entries(this.#options.inputs)) encoded[name] = encodeInput(name, input, batch.column(name));
    return encoded;
  }

  encodeLabels(batch: RecordBatch): Readonly<Record<string, TensorValue>> {
    const encoded: Record<string, TensorValue> = {};
    for (const [name, field] of Object.entries(this.#options.labels)) encoded[name] = encodeLabel(name, field, batch.column(name), this.#options.integerLabels);
    return encoded;
  }

  async openTraining({ seed, execution = 'traced', log = silentLogger }: TrainingSessionOptions): Promise<TrainingSession> {
    const tf = await loadEager();
    const random = seededRandom(seed);
    const network = await this.openNetwork(random);
    if (execution === 'traced') {
      // Only now: importing a model definition loads no native code.
      const { TracedSession } = await import('./traced-session.js');
      try {
        return new TracedSession({ tf, model: this, network, seed });
      } catch (thrown) {
        if (!isMillraceError(thrown) || thrown.code !== 'UNSUPPORTED') throw thrown;
        log.warn(`model ${this.name} is trained by eager tfjs, which blocks its thread: ${thrown.message}`);
      }
    }
    return new EagerSession({ tf, model: this, network, random });
  }

  async explainStep(rows: number): Promise<StepExplanation> {
    const tf = await loadEager();
    const { TracedSession } = await import('./traced-session.js');
    const network = await this.openNetwork(seededRandom(0));
    const session = new TracedSession({ tf, model: this, network, seed: 0 });
    try {
      return await session.explain(rows);
    } finally {
      await session.close();
    }
  }

  openPredictor(options?: ExecutionOptions): Promise<ModelPredictor> {
    return openModelPredictor(this, options);
  }

  /** What the loss gets: [batch, values] by label. */
  get labelSpecs(): readonly TensorSpec[] {
    const { labels, integerLabels } = this.#options;
    return Object.entries(labels).map(([name, { dtype, size = 1 }]) => ({
      name,
      dtype: integerLabels && dtype !== 'vector' ? 'int32' : 'float32',
      shape: [-1, dtype === 'vector' ? size : 1],
    }));
  }

  /** The network on this thread's tfjs. Only what the factory does before its first await is seeded. */
  async openNetwork(random: () => number): Promise<Network> {
    const tf = await loadEager();
    return withRandom(random, () => this.#options.open(tf));
  }
}

function nullRows(name: string, batch: RecordBatch): readonly BadRow[] {
  const column = batch.column(name);
  if (column.nullCount === 0) return [];
  return Array.from({ length: batch.length }, (_, row) => row)
    .filter((row) => column.isNull(row))
    .map((row) => ({ row, column: name, cause: 'null; a label must not be null' }));
}

function signatureOf({ inputs, outputs }: ColumnModelOptions): Signature {
  const fed = Object.entries(inputs).map(([name, input]): TensorSpec => {
    const { dtype, width } = inputTensor(input);
    return { name, dtype, shape: [-1, width] };
  });
  const made = Object.entries(outputs).map(([name, field]): TensorSpec => ({
    name,
    dtype: 'float32',
    shape: field.dtype === 'vector' ? [-1, field.size as number] : [-1],
  }));
  return { name: 'predict', inputs: fed, outputs: made };
}
