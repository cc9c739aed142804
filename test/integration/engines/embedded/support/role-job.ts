import type { RecordBatch } from '../../../../../src/memory/batch.js';
import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import { param } from '../../../../../src/stream/params.js';
import type { ReadResult, SourceSubtask, Subtask, SubtaskContext } from '../../../../../src/stream/subtask.js';
import { batchOf } from './batch-of.js';
import { Numbers, Reporter, type Row } from './subtasks.js';

/** Like an AM: a source without records that ends when the workers have told it that they are done. */
class Coordinator implements SourceSubtask {
  #context!: SubtaskContext;
  #done = 0;

  open(context: SubtaskContext): void {
    this.#context = context;
    context.rendezvous.publish('coordinator', `address-${context.attempt}`);
    for (let index = 0; index < context.parallelismOf('worker'); index++) {
      void context.rendezvous.lookup(`done/${index}`, 30_000).then(() => {
        this.#done++;
        context.wake();
      });
    }
  }

  read(): ReadResult {
    return this.#done === this.#context.parallelismOf('worker') ? { next: 'end' } : { next: 'wait', afterMs: 60_000 };
  }

  drain(): void {
    this.#context.report('life', 'asked to drain');
  }

  close(drained: boolean): void {
    this.#context.report('life', drained ? 'drained' : 'closed');
  }
}

/** Like a node: takes batches at its own pace and emits outside of any call; calls end when their batch was used. */
class Worker implements Subtask {
  #context!: SubtaskContext;
  #emitted = 0;

  async open(context: SubtaskContext): Promise<void> {
    this.#context = context;
    context.report('found', await context.rendezvous.lookup('coordinator', 10_000));
    context.setProcessingTimer(context.clock.now() + 5);
  }

  process(batch: RecordBatch): Promise<void> {
    const rows = batch.rows() as unknown as Row[];
    return new Promise((resolve) => {
      setTimeout(() => {
        void this.#emitAll(rows).then(resolve);
      }, 1);
    });
  }

  onProcessingTime(): void {
    this.#context.report('timer', this.#emitted);
  }

  endOfInput(): void {
    this.#context.rendezvous.publish(`done/${this.#context.index}`, String(this.#emitted));
  }

  async #emitAll(rows: readonly Row[]): Promise<void> {
    const output = this.#context.output();
    for (const row of rows) {
      await output.ready();
      output.emit(batchOf([row]));
      this.#emitted++;
    }
  }
}

/** Like a PS: fed by barriers, watermarks and ends only. */
class Shard implements Subtask {
  #context!: SubtaskContext;

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  process(): void {
    throw new Error('a control edge carried records');
  }

  advance(watermark: number): void {
    this.#context.report('watermark', watermark);
  }

  prepareSnapshot(cut: number): void {
    this.#context.report('cut', cut);
  }

  endOfInput(input: number): void {
    this.#context.report('life', `end ${input}`);
  }
}

export default defineJob({
  name: 'roles',
  /** `heldAt`: of the first attempt; see Numbers. */
  params: { heldAt: param(t.int32(), { default: 2000 }) },
  build: ({ env, params }) => {
    const coordinator = { kind: 'role', name: 'coordinator', role: 'am', maxParallelism: 1, schema: undefined, create: () => new Coordinator() };
    env.add(coordinator);
    const numbers = env.add<Row>({
      kind: 'source',
      name: 'numbers',
      schema: undefined,
      maxParallelism: 1,
      create: () => new Numbers({ count: 2000, splits: 1, batchRows: 20, keys: 7, watermarks: true, pauseMs: 1, heldAt: [params.heldAt] }),
    });
    const worker = numbers.transform<Row>(
      { kind: 'role', name: 'worker', role: 'worker', parallelism: 2, schema: undefined, sideOutputs: { control: undefined }, create: () => new Worker() },
      { kind: 'rebalance' },
    );
    worker.transform({ kind: 'sink', name: 'sink', parallelism: 1, schema: undefined, create: () => new Reporter() }, { kind: 'rebalance' });
    worker
      .sideOutput('control')
      .transform({ kind: 'role', name: 'shard', role: 'ps', parallelism: 2, schema: undefined, create: () => new Shard() }, { kind: 'control' });
  },
});
