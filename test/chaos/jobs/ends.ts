import { generator, jsonl, kafkaSink, kafkaSource, t, type Infer, type SinkConnector, type SourceConnector, type SourceSubtask } from 'millrace';

const number = { n: t.int32(), at: t.timestamp(), x: t.float32(), z: t.float32() };

export const batchRows = 64;

/** Where the counting job's records come from, and where its output goes to. */
export interface Ends {
  readonly numbers: SourceConnector<Infer<typeof number>>;
  readonly parallelism: number;
  sink<R>(name: string): SinkConnector<R>;
}

/** From a generator into files of a folder. */
export function fileEnds(folder: string, records: number, rate: number): Ends {
  return {
    numbers: generator({
      schema: number,
      count: records,
      rowsPerSecond: rate,
      make: (n, random) => ({ n, at: new Date(1e12 + n), x: random() - 0.5, z: random() - 0.5 }),
    }),
    parallelism: 1,
    sink: (name) => jsonl(`${folder}/${name}.jsonl`, { flushMs: 50 }),
  };
}

/** From the topic <topics>-numbers, which is there when the job starts, into <topics>-<name> of the same broker, exactly once. */
export function kafkaEnds(broker: string, topics: string, partitions: number, rate: number): Ends {
  const brokers = [broker];
  const parallelism = Math.min(partitions, 2);
  const numbers = kafkaSource(
    // A broker that answers no request must be noticed before an outage of 30 s is over: that is what is tested.
    { brokers, topics: [`${topics}-numbers`], until: 'latest', discoverMs: 1_000, requestTimeoutMs: 5_000 },
    number,
  );
  return {
    numbers: paced(numbers, rate / parallelism),
    parallelism,
    sink: <R>(name: string) =>
      kafkaSink<R>({ brokers, topic: `${topics}-${name}`, delivery: 'exactlyOnce', transactionPrefix: `${topics}-${name}`, requestTimeoutMs: 5_000 }),
  };
}

/** So many records in a second of each subtask: a topic is read in no time, and faults need some. */
function paced<R>(connector: SourceConnector<R>, rate: number): SourceConnector<R> {
  const everyMs = (1_000 * batchRows) / rate;
  return {
    ...connector,
    create: (runtime) => {
      const subtask: SourceSubtask = connector.create(runtime);
      const read = subtask.read.bind(subtask);
      let dueMs = 0;
      subtask.read = () => {
        const nowMs = performance.now();
        if (nowMs < dueMs) return { next: 'wait', afterMs: dueMs - nowMs };
        dueMs = Math.max(dueMs + everyMs, nowMs);
        return read();
      };
      return subtask;
    },
  };
}
