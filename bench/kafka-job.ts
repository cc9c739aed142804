import { defineJob, discard, kafkaSource, t } from '../src/index.js';

export const event = { id: t.int32(), at: t.timestamp(), origin: t.string(), destination: t.string(), delay: t.float64(), distance: t.int32() };
export const longEvent = { ...event, note: t.string() };

/** A topic from its beginning to its end, decoded into columns, to nowhere. */
export default defineJob({
  name: 'bench-kafka',
  params: { broker: t.string(), topic: t.string() },
  build: ({ params, source }) => {
    const options = { brokers: [params.broker], topics: [params.topic], until: 'latest' as const };
    source(kafkaSource(options, params.topic.startsWith('long') ? longEvent : event), { batchRows: 4096 }).to(discard());
  },
});
