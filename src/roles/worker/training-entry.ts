import { MillraceError } from '../../core/index.js';
import type { RecordBatch } from '../../memory/batch.js';
import { wholeModel } from '../../ml-framework/cluster/model-part.js';
import type { NodeContext, NodeEntry } from '../../ml-framework/node/node-context.js';
import type { TrainingEntryOptions } from '../../ml-framework/node/training-entry-options.js';
import { splitStep } from '../../ml-framework/training/step-batch.js';
import { predictionBatch } from '../../ml-framework/training/prediction-batch.js';
import type { ParameterClient, Weights } from '../../ml-framework/parameters/parameter-client.js';
import type { GradientResult, TrainableModel, TrainingSession } from '../../tensorflow/model/trainable.js';
import { Progress } from './progress.js';
import { ModelPublisher } from './model-publisher.js';

/**
 * The entry of a training worker: pull, predict what is to be predicted, learn what is to be learned, push.
 *
 * The push of a batch is outstanding while the next batch is on its way; the next pull is answered after it, so the
 * weights always hold what this worker has pushed.
 */
export function trainingEntry(model: TrainableModel, options: TrainingEntryOptions): NodeEntry {
  return async (ctx) => {
    const session = await model.openTraining({ seed: options.seed, execution: options.execution, log: ctx.log });
    try {
      const parameters = await ctx.parameters.open(session.variables, () => session.weights(), model.optimizer);
      const worker = new TrainingWorker(ctx, model, session, parameters, options);
      await worker.begin();
      let askedMs = ctx.clock.now();
      for await (const batch of ctx.input) {
        worker.waited(ctx.clock.now() - askedMs);
        await worker.step(batch);
        askedMs = ctx.clock.now();
      }
      await worker.end();
    } finally {
      await session.close();
    }
  };
}

interface StepPlace {
  /** Of the step, where labels are late. */
  readonly order: number | undefined;
  /** Of the batch in the worker's lane, where the worker may have a successor. */
  readonly position: number | undefined;
}

class TrainingWorker {
  readonly #ctx: NodeContext;
  readonly #model: TrainableModel;
  readonly #session: TrainingSession;
  readonly #parameters: ParameterClient;
  readonly #options: TrainingEntryOptions;
  readonly #progress: Progress;
  readonly #publisher: ModelPublisher | undefined;
  readonly #pullWait;
  readonly #batchWait;
  readonly #staleness;
  #firstOrder: number | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(ctx: NodeContext, model: TrainableModel, session: TrainingSession, parameters: ParameterClient, options: TrainingEntryOptions) {
    this.#ctx = ctx;
    this.#model = model;
    this.#session = session;
    this.#parameters = parameters;
    this.#options = options;
    this.#progress = new Progress(ctx, options.metricsEverySteps);
    this.#publisher = ctx.index === 0 ? new ModelPublisher(ctx, options) : undefined;
    this.#pullWait = ctx.metrics.counter('parameter_wait_seconds_total', 'Time in which the worker waited for weights, the round of its last push included.');
    this.#batchWait = ctx.metrics.counter('batch_wait_seconds_total', 'Time in which the worker waited for its next batch, barriers included.');
    this.#staleness = ctx.metrics.gauge('gradient_staleness', 'Updates that the parameters took between the weights of the last push and that push; 0 in bsp.');
  }

  /** The first version goes out before anything is learned, so that a scorer of the same job never waits on the stream. */
  async begin(): Promise<void> {
    this.#ctx.checkpoint.beforeBarrier(() => this.#progress.flush());
    const weights = await this.#parameters.pull();
    await this.#publisher?.publish(weights, this.#parameters.clock);
  }

  /** @param ms from one batch to the next */
  waited(ms: number): void {
    this.#batchWait.add(ms / 1000);
  }

  async step(batch: RecordBatch): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { predict, learn, order } = splitStep(batch, this.#options.isDelayed);
    const stride = this.#ctx.count;
    this.#checkOrder(order, stride);
    const position = this.#ctx.lane?.position;
    this.#checkRound(position);
    const weights = await this.#pull(order === undefined ? 0 : order + stride);
    this.#session.setWeights(weights);
    await this.#publisher?.maybePublish(weights, this.#parameters.clock);
    if (predict !== undefined) await this.#ctx.emit(predictionBatch(predict, await this.#session.predict(predict), this.#model.outputs));
    if (learn !== undefined) await this.#learn(learn, { order, position });
    else if (this.#options.mode === 'bsp' && this.#options.parameterServers > 0) {
      // A round waits for every member's next push: one that had nothing to learn says so.
      this.#push({}, 0, { order, position });
    } else if (position !== undefined) this.#ctx.lane?.acknowledge(position);
  }

  async #pull(progress: number): Promise<Weights> {
    const { clock } = this.#ctx;
    const startedMs = clock.now();
    const weights = await this.#parameters.pull(progress);
    this.#pullWait.add((clock.now() - startedMs) / 1000);
    return weights;
  }

  async end(): Promise<void> {
    await this.#parameters.drain();
    await this.#progress.flush();
    // Parameter servers publish the final weights themselves, when every worker has left.
    if (this.#options.parameterServers > 0) await this.#publisher?.settled();
    else await this.#ctx.model.publish(wholeModel(await this.#parameters.pull(), this.#parameters.clock, true));
  }

  async #learn(batch: RecordBatch, place: StepPlace): Promise<void> {
    const result = await this.#session.gradients(batch);
    this.#checkLoss(result);
    if (!this.#options.isDelayed) await this.#ctx.emit(predictionBatch(batch, result.predictions, this.#model.outputs));
    this.#push({ ...result.assigned, ...result.gradients }, batch.length, place);
    await this.#progress.learned(batch.length, result.loss, this.#parameters.clock);
  }

  #push(gradients: Weights, examples: number, { order, position }: StepPlace): void {
    const named = position === undefined ? {} : { position };
    const pulledAt = this.#parameters.clock;
    this.#parameters.push(gradients, { examples, notBefore: order === undefined ? 0 : order + 1, ...named }).then(
      () => {
        // The last one is its own.
        if (examples > 0) this.#staleness.set(Math.max(this.#parameters.clock - pulledAt - 1, 0));
        if (position !== undefined) this.#ctx.lane?.acknowledge(position);
      },
      (error: unknown) => {
        this.#failure ??= { error };
      },
    );
  }

  /** A round that only some shards have closed cannot be repeated: its gradients would be those of other weights. */
  #checkRound(position: number | undefined): void {
    if (this.#options.mode !== 'bsp' || position === undefined || !this.#parameters.isTorn(position)) return;
    throw new MillraceError(
      'UNAVAILABLE',
      `worker ${this.#ctx.index} of cluster ${this.#options.cluster}: its predecessor died while its push went out, and only some parameter servers have applied it; the round is taken from the last cut again`,
    );
  }

  #checkLoss({ loss }: GradientResult): void {
    if (Number.isFinite(loss)) return;
    const step = this.#parameters.clock + 1;
    throw new MillraceError(
      'LOSS_NOT_FINITE',
      `worker ${this.#ctx.index} of cluster ${this.#options.cluster}: the loss of model ${this.#model.name} is ${loss} at step ${step}; look at the inputs of this batch, lower the learning rate or clip the gradients`,
      { details: { node: `worker ${this.#ctx.index}`, step, loss: String(loss) } },
    );
  }

  /** The guard against labels from the future counts on batches being dealt out strictly in turn. */
  #checkOrder(order: number | undefined, stride: number): void {
    if (order === undefined) return;
    this.#firstOrder ??= order;
    if ((order - this.#firstOrder) % stride === 0) return;
    throw new MillraceError(
      'INTERNAL',
      `worker ${this.#ctx.index}: batch ${order} after ${this.#firstOrder} is not one in ${stride}: the exchange did not deal batches out in turn`,
    );
  }
}
