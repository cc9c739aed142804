import { existsSync } from 'node:fs';
import type { RecordBatch } from '../../../../../src/memory/batch.js';
import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import type { Snapshot, StateChunk, SubtaskContext } from '../../../../../src/stream/subtask.js';
import { Committing, CountByKey, Numbers, type FailEvery, type NumbersOptions } from './subtasks.js';

/** One of two pipelines that have nothing in common: `<name>-numbers` -> `<name>-middle` -> `<name>-sink`. */
export interface Side {
  readonly numbers: NumbersOptions;
  readonly failEvery?: FailEvery;
  /** The first attempt throws once this file is there. */
  readonly failsWith?: string;
  /** The first attempt throws right behind the barrier of this cut. */
  readonly failsInCut?: number;
  /** Does not answer for this cut until it is aborted. */
  readonly holdsCut?: number;
}

class Middle extends CountByKey {
  readonly #side: Side;
  #context!: SubtaskContext;
  #fails = false;
  #release: () => void = () => undefined;

  constructor(side: Side) {
    super(side.failEvery);
    this.#side = side;
  }

  override open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    super.open(context, restored);
  }

  override process(batch: RecordBatch): void {
    const told = this.#side.failsWith !== undefined && existsSync(this.#side.failsWith);
    if (this.#context.attempt === 0 && (this.#fails || told)) throw new Error(told ? 'told to fail' : 'fails in a cut');
    super.process(batch);
  }

  override freeze(cut: number): Snapshot {
    this.#fails = cut === this.#side.failsInCut;
    const snapshot = super.freeze();
    if (cut !== this.#side.holdsCut) return snapshot;
    const released = new Promise<void>((resolve) => (this.#release = resolve));
    this.#context.report('holds', cut);
    return {
      async *parts() {
        await released;
        yield* snapshot.parts();
      },
    };
  }

  abort(cut: number): void {
    this.#context.report('abort', cut);
    if (cut === this.#side.holdsCut) this.#release();
  }

  endOfInput(): void {
    this.#context.report('ended', this.#context.attempt);
  }
}

export default defineJob({
  name: 'regions',
  params: { left: t.string(), right: t.string() },
  build: ({ params, env }) => {
    for (const name of ['left', 'right'] as const) {
      const side = JSON.parse(params[name]) as Side;
      env
        .add({ kind: 'source', name: `${name}-numbers`, parallelism: 1, schema: undefined, boundedness: 'bounded', create: () => new Numbers(side.numbers) })
        .transform(
          { kind: 'count', name: `${name}-middle`, parallelism: 2, schema: undefined, create: () => new Middle(side) },
          { kind: 'hash', key: { columns: ['key'] } },
        )
        .transform({ kind: 'sink', name: `${name}-sink`, parallelism: 1, schema: undefined, create: () => new Committing() }, { kind: 'rebalance' });
    }
  },
});
