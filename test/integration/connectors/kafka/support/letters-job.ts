import { discard, kafkaDeadLetters, kafkaSource } from '../../../../../src/connectors/index.js';
import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import { row } from './kafka-job.js';

/** A topic to its end; what cannot be decoded goes to another one. */
export default defineJob({
  name: 'letters',
  params: { broker: t.string(), topic: t.string(), letters: t.string() },
  build: ({ params, source }) => {
    const brokers = [params.broker];
    const rows = source(kafkaSource({ brokers, topics: [params.topic], until: 'latest' }, row), { uid: 'in' });
    rows.to(discard());
    rows.deadLetters.to(kafkaDeadLetters({ brokers, topic: params.letters, delivery: 'exactlyOnce' }));
  },
});
