import { bool, console, defineJob, float64, int32, kafkaDeadLetters, kafkaSink, kafkaSource, param, t } from 'millrace';
import { lateMinutes } from '../flight-delays/landed-window.js';
import { slotMinutes } from '../flight-delays/flights.js';
import { lateness } from './model.js';
import { flight, topics } from './topics.js';

const minuteMs = 60_000;

/** Learns from a topic of flights which of them will be late, and writes what it predicted to another one, each flight exactly once. */
export default defineJob({
  name: 'flights-kafka',
  params: {
    brokers: t.string(),
    workers: param(t.int32(), { default: 2, help: 'training workers' }),
    batchSize: param(t.int32(), { default: 256, help: 'flights in a training step of one worker' }),
  },
  // Predictions are committed with checkpoints.
  checkpoint: { every: '2 s' },
  build({ source, params }) {
    const brokers = params.brokers.split(',');
    const flights = source(kafkaSource({ brokers, topics: [topics.flights], group: 'flights-kafka' }, flight), {
      name: 'flights',
      time: 'date',
      // Partitions are written side by side, and a batch of the producer at a time.
      outOfOrdernessMs: 60 * minuteMs,
      idleMs: 1000,
    });
    flights.deadLetters.to(kafkaDeadLetters({ brokers, topic: topics.bad, delivery: 'exactlyOnce' }));
    const training = flights
      .with({
        late: bool((f) => f.delay > lateMinutes),
        landedAt: float64((f) => f.date.getTime() + (f.distance / 7.5 + 30 + f.delay) * minuteMs),
        slot: int32((f) => Math.floor((f.date.getUTCHours() * 60 + f.date.getUTCMinutes()) / slotMinutes)),
        weekday: int32((f) => f.date.getUTCDay()),
      })
      .train(lateness, { workers: params.workers, parameterServers: 1, batchSize: params.batchSize, labelKnownAt: 'landedAt' });
    training.predictions
      .select('id', 'origin', 'destination', 'late', 'probability')
      .to(kafkaSink({ brokers, topic: topics.predictions, key: 'id', delivery: 'exactlyOnce' }));
    training.metrics.to(console({ every: 100 }));
  },
});
