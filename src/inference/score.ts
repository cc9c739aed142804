import { MillraceError } from '../core/errors.js';
import { formatSchema, type Infer, type Schema } from '../memory/schema.js';
import { deadLetterSchema, deadLetterTag } from '../stream/connector.js';
import { DataStream, type Flat } from '../stream/data-stream.js';
import { resolveInto } from '../stream/operator-options.js';
import type { AcceptsInputs, Model, TrainedModel } from '../tensorflow/model/index.js';
import { modelScorer } from './model-scorer.js';
import { scoreOptions, type ResolvedScoreOptions, type ScoreOptions } from './options.js';
import { savedModelScorer, type SavedModelReference } from './saved-model-scorer.js';
import { ScoreSubtask, versionColumn, versionField } from './score-subtask.js';
import type { ScorerDefinition } from './scorer.js';

/** What `outputs` and `modelVersion` make of a model's outputs. */
export type ScoreColumns<O, S> = (S extends { readonly outputs: readonly (infer K)[] } ? Pick<O, K & keyof O> : O) &
  (S extends { readonly modelVersion: true } ? { modelVersion: number } : unknown);

declare module '../stream/data-stream.js' {
  interface DataStream<R> {
    /**
     * Adds a model's scores to each record: of a model that trains in the same job (each version as it is published), or of a
     * SavedModel. Calls are asynchronous, on a native session; event time and the order of records are kept.
     *
     * Problems with columns, outputs and options are reported before the job starts.
     */
    score<F, L, O, const S extends ScoreOptions = ScoreOptions>(
      model: TrainedModel<F, L, O> & AcceptsScoring<R, F, L, O>,
      options?: S,
    ): DataStream<Flat<R & ScoreColumns<O, S>>>;
    score<const O extends Schema, const S extends ScoreOptions = ScoreOptions>(
      model: SavedModelReference<O>,
      options?: S,
    ): DataStream<Flat<R & ScoreColumns<Infer<O>, S>>>;
  }
}

/** A compile error that names the field where rows lack what the model reads. */
export type AcceptsScoring<R, F, L, O> = AcceptsInputs<R, Model<F, L, O>>;

DataStream.prototype.score = function score<R>(
  this: DataStream<R>,
  model: TrainedModel<unknown, unknown, unknown> | SavedModelReference,
  options?: ScoreOptions,
): DataStream<never> {
  const { builder } = this.scope;
  const resolved = resolveInto(builder, options?.name ?? 'score', scoreOptions, options);
  const name = resolved.name ?? 'score';
  const report = (problem: string): void => {
    builder.problem(name, problem);
  };
  const definition = define(model, resolved, report);
  for (const problem of definition.problems(this.schema)) report(`${definition.title}: ${problem}`);
  const added = addedColumns(definition, resolved, report);
  const schema = { ...this.schema, ...added, ...(resolved.modelVersion ? { [versionColumn]: versionField } : {}) };
  for (const column of Object.keys(schema)) {
    // A model of the job reports its own outputs.
    const isNew = ('savedModel' in model && Object.hasOwn(added, column)) || (resolved.modelVersion && column === versionColumn);
    if (isNew && this.schema !== undefined && Object.hasOwn(this.schema, column))
      report(`${definition.title}: output '${column}' has the name of a column; rename the column, or choose other outputs`);
  }
  return this.transform<never>({
    kind: 'score',
    name,
    uid: resolved.uid,
    parallelism: resolved.parallelism,
    schema,
    sideOutputs: { [deadLetterTag]: deadLetterSchema },
    startsChain: true,
    cluster: 'savedModel' in model ? undefined : model.versions.cluster,
    notes: notesOf(definition, resolved, added),
    create: () => new ScoreSubtask({ definition, options: resolved, added, schema }),
  });
};

/** A model that cannot be read is a problem of the graph; what stands in for it is never opened. */
function define(
  model: TrainedModel<unknown, unknown, unknown> | SavedModelReference,
  { execution }: ResolvedScoreOptions,
  report: (problem: string) => void,
): ScorerDefinition {
  if ('savedModel' in model && execution === 'eager')
    report(`SavedModel ${model.savedModel}: execution 'eager' is for models that train in the same job; leave it out`);
  try {
    return 'savedModel' in model ? savedModelScorer(model) : modelScorer(model.definition, model.versions, execution);
  } catch (thrown) {
    const error = MillraceError.from(thrown, 'MODEL_INVALID');
    report(error.message);
    return { title: 'savedModel' in model ? model.savedModel : model.definition.name, outputs: {}, problems: () => [], open: () => Promise.reject(error) };
  }
}

function addedColumns({ title, outputs }: ScorerDefinition, options: ResolvedScoreOptions, report: (problem: string) => void): Schema {
  if (options.outputs === undefined) return outputs;
  const unknown = options.outputs.filter((each) => !Object.hasOwn(outputs, each));
  if (unknown.length > 0) report(`${title}: no output ${unknown.join(', ')}; it has ${Object.keys(outputs).join(', ')}`);
  return Object.fromEntries(Object.entries(outputs).filter(([each]) => options.outputs?.includes(each) === true));
}

function notesOf({ title }: ScorerDefinition, { batch, ordered, maxInFlight }: ResolvedScoreOptions, added: Schema): string[] {
  return [
    title,
    `adds ${formatSchema(added)}`,
    `batches of up to ${batch.maxSize} rows or ${batch.maxDelayMs} ms, ${maxInFlight} in flight, ${ordered ? 'ordered' : 'unordered'}`,
  ];
}
