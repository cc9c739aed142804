import { collect, kafkaSink, kafkaSource, type KafkaSinkOptions, type KafkaSourceOptions } from '../../../../../src/connectors/index.js';
import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';

export const row = { id: t.int32(), name: t.string() };
export const fields = { key: 'key', writtenAt: 'timestamp', from: 'partition', trace: 'header:trace' } as const;

export interface KafkaJobOptions {
  readonly source: KafkaSourceOptions;
  readonly sink?: KafkaSinkOptions<{ id: number }>;
  readonly sourceParallelism?: number;
  readonly sinkParallelism?: number;
  readonly batchRows?: number;
}

/** A topic to the collector and, if asked for, to another topic. */
export default defineJob({
  name: 'kafka',
  params: { options: t.string() },
  build: ({ params, source }) => {
    const options = JSON.parse(params.options) as KafkaJobOptions;
    const rows = source(kafkaSource({ ...options.source, fields }, row), {
      uid: 'in',
      parallelism: options.sourceParallelism ?? 1,
      batchRows: options.batchRows ?? 64,
    });
    rows.to(collect('rows'));
    rows.deadLetters.to(collect('letters'));
    if (options.sink !== undefined)
      rows
        .select('id', 'name')
        .rebalance()
        .to(kafkaSink(options.sink), { uid: 'out', parallelism: options.sinkParallelism ?? 1 });
  },
});
