import type { RecordBatch } from '../memory/batch.js';
import type { Execution, ModelPredictor, TrainableModel } from '../tensorflow/model/index.js';
import type { ModelFeed, ModelFeedFactory, ModelVersion } from '../tensorflow/predictor.js';
import type { Scored, Scorer, ScorerContext, ScorerDefinition, Values } from './scorer.js';

/** Training publishes version 0 when it opens, so only its start is waited for. */
const firstVersionDeadlineMs = 120_000;

/** A model that trains in the same job: its versions arrive while it is scored with. */
export function modelScorer(definition: TrainableModel, versions: ModelFeedFactory, execution: Execution): ScorerDefinition {
  return {
    title: `model ${definition.name}`,
    outputs: definition.outputs,
    problems: (schema) => definition.problems(schema, false),
    open: (context) => openModelScorer(definition, versions, { ...context, execution }),
  };
}

async function openModelScorer(
  definition: TrainableModel,
  versions: ModelFeedFactory,
  { execution, ...context }: ScorerContext & { readonly execution: Execution },
): Promise<Scorer> {
  const feed = await versions.open(context);
  try {
    const first = await feed.latest(firstVersionDeadlineMs);
    const opened = await definition.openPredictor({ execution, log: context.log });
    const scorer = new ModelScorer(definition, opened, { feed, context });
    try {
      await scorer.serve(first);
      return scorer;
    } catch (thrown) {
      await opened.predictor.close();
      throw thrown;
    }
  } catch (thrown) {
    await feed.close();
    throw thrown;
  }
}

class ModelScorer implements Scorer {
  readonly #definition: TrainableModel;
  readonly #opened: ModelPredictor;
  readonly #feed: ModelFeed;
  readonly #context: ScorerContext;
  /** The version that calls from now on see: a predictor answers them in the order in which they came. */
  #version = -1;
  #applying: Promise<void> | undefined;
  /** Newest wins: what arrives while one is applied waits here. */
  #next: ModelVersion | undefined;

  constructor(definition: TrainableModel, opened: ModelPredictor, { feed, context }: { feed: ModelFeed; context: ScorerContext }) {
    this.#definition = definition;
    this.#opened = opened;
    this.#feed = feed;
    this.#context = context;
  }

  /** Serves `first` and whatever comes after it. */
  async serve(first: ModelVersion): Promise<void> {
    await this.#apply(first);
    this.#feed.onVersion((version) => {
      if (this.#next === undefined || version.version > this.#next.version) this.#next = version;
      this.#applying ??= this.#applyAll();
    });
  }

  badRows(batch: RecordBatch) {
    return this.#definition.badRows(batch, false);
  }

  feeds(batch: RecordBatch): Values {
    return this.#opened.feeds(batch);
  }

  async run(feeds: Values): Promise<Scored> {
    const version = this.#version;
    return { outputs: await this.#opened.predictor.run(feeds), version };
  }

  async close(): Promise<void> {
    await this.#feed.close();
    await this.#applying;
    await this.#opened.predictor.close();
  }

  async #applyAll(): Promise<void> {
    try {
      for (let next = this.#next; next !== undefined; next = this.#next) {
        this.#next = undefined;
        if (next.version > this.#version) await this.#apply(next);
      }
    } catch (thrown) {
      this.#context.fail(thrown);
    } finally {
      this.#applying = undefined;
    }
  }

  async #apply({ version, weights }: ModelVersion): Promise<void> {
    this.#version = version;
    this.#context.onVersion(version);
    await this.#opened.setWeights(weights);
  }
}
