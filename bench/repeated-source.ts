import type { RecordBatch, Schema } from '../src/memory/index.js';
import type { Output, SourceConnector, SourceSubtask } from '../src/stream/index.js';

export interface RepeatedOptions<R> {
  readonly schema: Schema;
  /** Makes one of the distinct batches. */
  readonly make: (index: number) => RecordBatch<R>;
  readonly distinct: number;
  /** Batches emitted in all. */
  readonly count: number;
  /** Subtasks, each of which emits all batches; default: one, whatever the parallelism of the job. */
  readonly maxParallelism?: number | undefined;
}

/** A source that costs next to nothing: a few batches, made beforehand, again and again. */
export function repeated<R>(options: RepeatedOptions<R>): SourceConnector<R> {
  const { schema, make, distinct, count } = options;
  return {
    name: 'repeated',
    schema,
    boundedness: 'bounded',
    maxParallelism: 'maxParallelism' in options ? options.maxParallelism : 1,
    notes: [`${count} batches`],
    create: (): SourceSubtask => {
      const batches: RecordBatch<R>[] = [];
      let output: Output;
      let next = 0;
      return {
        open(context) {
          output = context.output();
          for (let i = 0; i < distinct; i++) batches.push(make(i));
        },
        read() {
          if (next === count) return { next: 'end' };
          output.emit(batches[next++ % distinct] as RecordBatch);
          return { next: 'more' };
        },
      };
    },
  };
}
