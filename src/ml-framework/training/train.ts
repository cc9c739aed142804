import { MillraceError } from '../../core/index.js';
import { formatField, type Schema } from '../../memory/schema.js';
import { deadLetterSchema, deadLetterTag, type DeadLetter } from '../../stream/connector.js';
import { DataStream, type Flat } from '../../stream/data-stream.js';
import type { TimeColumn } from '../../stream/environment.js';
import type { SubtaskContext } from '../../stream/subtask.js';
import { resolveOptions } from '../../core/options.js';
import type { ModelFeedFactory } from '../../tensorflow/predictor.js';
import type { TrainableModel } from '../../tensorflow/model/trainable.js';
import type { TrainedModel } from '../../tensorflow/model/trained-model.js';
import type { Accepts, Model } from '../../tensorflow/model/types.js';
import { defineCluster, type ClusterConfig } from '../cluster/cluster-config.js';
import type { NodeEntry } from '../node/node-context.js';
import { rolePart } from '../node/role-registry.js';
import { addAMRole, addPSRole, addRole } from '../roles.js';
import { LabelDelay, type LabelTime } from './label-delay.js';
import { modelFeedFactory } from './model-feed.js';
import { ModelWriter } from './model-writer.js';
import { Rebatch } from './rebatch.js';
import { delayedSchema } from './step-batch.js';
import { stepTrace } from './step-trace.js';
import { trainOptions, type ResolvedTrainOptions, type TrainOptions } from './train-options.js';
import { metricsTag, trainingMetricsSchema, type TrainingMetrics } from './training-metrics.js';

/** What `stream.train()` gives. */
export interface Training<R, F, L, O> {
  /** The model while it is trained: give it to score(). */
  readonly model: TrainedModel<F, L, O>;
  /** Means over a few steps of a worker. */
  readonly metrics: DataStream<TrainingMetrics>;
  /** Each record with the model's outputs, predicted before the model learned it. */
  readonly predictions: DataStream<Flat<R & O>>;
  /** Records that the model cannot read (a null, a category out of range), and why; neither predicted nor learned. */
  readonly deadLetters: DataStream<DeadLetter>;
}

declare module '../../stream/data-stream.js' {
  interface DataStream<R> {
    /**
     * Trains a model on this stream: brings up an application manager, workers and parameter servers as operators of the job.
     *
     * Each record is predicted, then learned, once. The stream must have a schema that fits the model.
     */
    train<M extends Model<unknown, unknown, unknown>, T extends TimeColumn<R>>(model: M & Accepts<R, M>, options: TrainOptions<R, T>): TrainingOf<R, M>;
  }
}

export type TrainingOf<R, M> = M extends Model<infer F, infer L, infer O> ? Training<R, F, L, O> : never;

DataStream.prototype.train = function train<R, M extends Model<unknown, unknown, unknown>>(
  this: DataStream<R>,
  model: M & Accepts<R, M>,
  options: TrainOptions<R>,
): TrainingOf<R, M> {
  return trainOn(this, model, options as TrainOptions<unknown>) as unknown as TrainingOf<R, M>;
};

function trainOn(
  stream: DataStream<unknown>,
  model: Model<unknown, unknown, unknown>,
  given: TrainOptions<unknown>,
): Training<unknown, unknown, unknown, unknown> {
  const name = given?.name ?? model.name;
  const { builder } = stream.scope;
  const resolved = resolveOptions(trainOptions, given, `train ${name}`);
  for (const problem of model.problems(stream.schema, true)) builder.problem(`${name} worker`, problem);
  if (stream.schema === undefined)
    throw new MillraceError('GRAPH_INVALID', `train ${name}: the stream has no schema; derive columns with .with({…}) or give the map a schema`);
  const cluster = clusterOf(name, resolved);
  addAMRole(stream, cluster);
  const uids: WorkerUids = { worker: undefined };
  const from = { stream, schema: stream.schema, name, model, uids };
  const steps = resolved.labelKnownAt === undefined ? rebatched(from, resolved) : delayed(from, resolved.labelKnownAt, resolved);
  const entryOptions = {
    cluster: name,
    seed: resolved.seed,
    execution: resolved.execution,
    mode: resolved.mode,
    isDelayed: resolved.labelKnownAt !== undefined,
    parameterServers: resolved.parameterServers,
    publishEverySteps: resolved.publishEverySteps,
    publishEveryMs: resolved.publishEvery,
    metricsEverySteps: resolved.metricsEverySteps,
  };
  // The entry comes from the worker's role, which is asked for on the worker's thread.
  const entry: NodeEntry = (ctx) => rolePart('trainingEntry')(model, entryOptions)(ctx);
  const output = { ...stream.schema, ...model.outputs };
  const workers = addRole<unknown, unknown>(stream, cluster, 'worker', {
    input: steps,
    entry: entry as NodeEntry<unknown, unknown>,
    output,
    sideOutputs: { [metricsTag]: trainingMetricsSchema },
    notes: [`model ${model.name}`, `batches of ${resolved.batchSize}`, resolved.mode, ...(resolved.parameterServers === 0 ? ['parameters in the worker'] : [])],
    // A worker with the parameters in it takes them along when it fails.
    ...(resolved.parameterServers === 0
      ? { maxParallelism: 1, resumes: 'never' }
      : { resumes: { isExact: true, sameColumns: Object.keys(stream.schema).filter((name) => !Object.hasOwn(model.outputs, name)) } }),
    ...(resolved.execution === 'traced' ? { trace: () => stepTrace(model, resolved.batchSize) } : {}),
  });
  uids.worker = stream.scope.builder.node(workers.node).uid;
  if (resolved.parameterServers > 0) addPSRole(workers, cluster, model.optimizer);
  const versions = modelFeedFactory(cluster);
  if (resolved.outputDir !== undefined) addModelWriter(stream, model.name, versions, resolved.outputDir);
  return {
    model: { definition: model, versions },
    metrics: workers.sideOutput<TrainingMetrics>(metricsTag),
    predictions: workers as DataStream<never>,
    deadLetters: steps.sideOutput<DeadLetter>(deadLetterTag),
  };
}

function addModelWriter(stream: DataStream<unknown>, model: string, versions: ModelFeedFactory, dir: string): void {
  stream.scope.builder.add(
    {
      kind: 'model-writer',
      name: `${model} model`,
      parallelism: 1,
      maxParallelism: 1,
      schema: undefined,
      startsChain: true,
      boundedness: 'bounded',
      cluster: versions.cluster,
      notes: [`to ${dir}`],
      create: () => new ModelWriter({ model, versions, dir }),
    },
    [],
  );
}

function clusterOf(name: string, options: ResolvedTrainOptions): ClusterConfig {
  const { workers, parameterServers, mode, gradients, heartbeatInterval, heartbeatTimeout, registrationDeadline, entryDeadline, isolation } = options;
  return defineCluster({
    name,
    roles: { worker: workers, ...(parameterServers > 0 ? { ps: parameterServers } : {}) },
    mode,
    gradients,
    ...(heartbeatInterval === undefined ? {} : { heartbeatInterval }),
    ...(heartbeatTimeout === undefined ? {} : { heartbeatTimeout }),
    ...(registrationDeadline === undefined ? {} : { registrationDeadline }),
    ...(entryDeadline === undefined ? {} : { entryDeadline }),
    ...(isolation === undefined ? {} : { isolation }),
  });
}

/** The stream that is trained on, and what reads it. */
interface Trained {
  readonly stream: DataStream<unknown>;
  readonly schema: Schema;
  readonly name: string;
  readonly model: TrainableModel;
  readonly uids: WorkerUids;
}

/** The workers are added behind what makes their batches, which asks for their number when it runs. */
interface WorkerUids {
  worker: string | undefined;
}

function rebatched({ stream, schema, name, model, uids }: Trained, { batchSize, mode, onBadRecord }: ResolvedTrainOptions): DataStream<unknown> {
  const together = (context: SubtaskContext): number => (mode === 'bsp' && uids.worker !== undefined ? context.parallelismOf(uids.worker) : 1);
  return stream.transform({
    kind: 'rebatch',
    name: `${name} batches`,
    schema,
    sideOutputs: { [deadLetterTag]: deadLetterSchema },
    notes: [`${batchSize} rows each`],
    create: () => new Rebatch({ schema, batchSize, model, onBadRecord, together }),
  });
}

/** One subtask: it makes one order of all records. */
function delayed({ stream, schema, name, model }: Trained, labelKnownAt: LabelTime, options: ResolvedTrainOptions): DataStream<unknown> {
  const { batchSize, maxPredictionDelay: maxDelayMs, onBadRecord } = options;
  const operator = `${name} label delay`;
  const problem = typeof labelKnownAt === 'string' ? timeColumnProblem(labelKnownAt, schema) : undefined;
  if (problem !== undefined) stream.scope.builder.problem(operator, problem);
  return stream.transform({
    kind: 'label-delay',
    name: operator,
    parallelism: 1,
    maxParallelism: 1,
    schema: delayedSchema(schema),
    sideOutputs: { [deadLetterTag]: deadLetterSchema },
    notes: [`${batchSize} labels a step`],
    create: () => new LabelDelay({ name: operator, schema, batchSize, labelKnownAt, maxDelayMs, model, onBadRecord }),
  });
}

function timeColumnProblem(column: string, schema: Schema): string | undefined {
  const field = Object.hasOwn(schema, column) ? schema[column] : undefined;
  if (field === undefined) return `labelKnownAt: no column '${column}'; the stream has ${Object.keys(schema).join(', ')}`;
  const isTime = ['timestamp', 'float64', 'int64'].includes(field.dtype) && !field.nullable;
  return isTime
    ? undefined
    : `labelKnownAt: column '${column}' is ${formatField(field)}; a time is a timestamp, or milliseconds as float64 or int64, and never null`;
}
