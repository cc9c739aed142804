import { defineJob, float64, kafkaSink, kafkaSource, t } from 'millrace';

/** A topic to another one by way of an exchange, exactly once, with checkpoints. */
export default defineJob({
  name: 'kafka-copy',
  params: { broker: t.string(), from: t.string(), to: t.string() },
  checkpoint: { every: '200 ms' },
  build: ({ params, source }) => {
    const brokers = params.broker.split(',');
    source(kafkaSource({ brokers, topics: [params.from] }, { id: t.int32() }), { uid: 'in', parallelism: 2, batchRows: 50 })
      .with({ square: float64((r) => r.id * r.id) })
      .rebalance()
      .to(kafkaSink({ brokers, topic: params.to, key: 'id', delivery: 'exactlyOnce' }), { uid: 'out', parallelism: 2 });
  },
});
