import { setTimeout } from 'node:timers/promises';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { defineJob, fromIterable, kafkaSink, param, t, type Infer } from 'millrace';
import { flight, topics } from './topics.js';

type Flight = Infer<typeof flight>;

const chunkRows = 10_000;
/** Flights that are due within this time are written together. */
const paceMs = 50;

/** Flights of the file from number `start` on, at most `perSecond` of them. */
async function* paced(path: string, start: number, count: number, perSecond: number, signal: AbortSignal): AsyncGenerator<Flight> {
  const file = await asyncBufferFromFile(path);
  const startedAt = Date.now();
  for (let id = start; id < count;) {
    const rows = (await parquetReadObjects({ file, compressors, rowStart: id, rowEnd: Math.min(id + chunkRows, count) })) as unknown as {
      date: Date;
      delay: number | bigint;
      distance: number | bigint;
      origin: string;
      destination: string;
    }[];
    for (const { date, delay, distance, origin, destination } of rows) {
      const dueAt = startedAt + ((id - start) / perSecond) * 1000;
      if (dueAt > Date.now() + paceMs) await setTimeout(dueAt - Date.now(), undefined, { signal });
      yield { id: id++, date, delay: Number(delay), distance: Number(distance), origin, destination };
    }
  }
}

/** Replays flights of 2001 into a topic: the world that the other job learns from. */
export default defineJob({
  name: 'flights-replay',
  params: {
    brokers: t.string(),
    input: param(t.string(), { default: 'node_modules/vega-datasets/data/flights-3m.parquet', help: 'Parquet file of flights' }),
    flights: param(t.int32(), { default: 300_000, help: 'how many of them' }),
    perSecond: param(t.int32(), { default: 10_000, help: 'flights in a second' }),
  },
  build({ source, params }) {
    const { brokers, input, flights, perSecond } = params;
    source(
      fromIterable((start, signal) => paced(input, start, flights, perSecond, signal), flight),
      { name: 'flights of 2001', batchRows: 512 },
    ).to(kafkaSink({ brokers: brokers.split(','), topic: topics.flights, key: 'origin', compression: 'lz4' }));
  },
});
