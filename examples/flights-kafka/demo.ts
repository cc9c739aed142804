/**
 * `make demo-kafka`: a broker, a job that replays flights into a topic, a job that learns from it, and what both are at,
 * every two seconds. At the end the predictions are read back as a read-committed consumer sees them, and counted.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { runDemo } from '../run-demo.js';
import { topics } from './topics.js';

const { values } = parseArgs({ options: { flights: { type: 'string', default: '300000' }, 'per-second': { type: 'string', default: '10000' } } });
const flights = Number(values.flights);
const showEveryMs = 2000;
const deadlineMs = 15 * 60_000;
const started: ChildProcess[] = [];

function start(command: string, args: readonly string[], stdio: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', stdio, 'inherit'] });
  started.push(child);
  return child;
}

const millrace = (...args: readonly string[]): ChildProcess =>
  start(process.execPath, ['--initial-old-space-size=256', 'dist/src/cli/main.js', ...args], 'ignore');

async function startBroker(): Promise<string> {
  const child = start(process.execPath, ['dist/test/kafka/main.js']);
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  throw new Error('the broker did not start');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Sum over the subtasks of one metric; undefined before there is any. */
function read(text: string, name: string, operator: string): number | undefined {
  const found = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(`operator="${operator}"`));
  return found.length === 0 ? undefined : found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Shows lag and freshness until every flight has been read. */
async function watch(metricsUrl: string, job: ChildProcess): Promise<void> {
  const startedAt = Date.now();
  for (;;) {
    await setTimeout(showEveryMs);
    if (job.exitCode !== null) throw new Error(`the job ended with exit code ${job.exitCode}`);
    if (Date.now() - startedAt > deadlineMs) throw new Error(`not done after ${deadlineMs / 60_000} minutes`);
    const text = await fetch(metricsUrl).then(
      (response) => response.text(),
      () => '',
    );
    const seen = read(text, 'millrace_records_out_total', 'flights');
    if (seen === undefined) continue;
    const trained = read(text, 'millrace_records_in_total', 'kafka') ?? 0;
    const lag = read(text, 'millrace_kafka_lag_records', 'flights') ?? 0;
    const age = read(text, 'millrace_kafka_record_age_seconds', 'flights') ?? 0;
    const waiting = read(text, 'millrace_kafka_pending_bytes', 'kafka') ?? 0;
    console.log(
      `${String(seen).padStart(8)} flights read, ${String(trained).padStart(8)} predicted and learned, lag ${String(lag).padStart(7)}, ` +
        `newest was ${age.toFixed(2).padStart(5)} s old, ${(waiting / 1e6).toFixed(1)} MB wait for their cut`,
    );
    if (seen >= flights && lag === 0) return;
  }
}

/** Every committed prediction, by the flight's id. */
async function countPredictions(kafka: Kafka): Promise<Map<number, number>> {
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map((await admin.fetchTopicOffsets(topics.predictions)).map(({ partition, high }) => [partition, Number(high)]));
  await admin.disconnect();
  const counts = new Map<number, number>();
  const open = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  const consumer = kafka.consumer({ groupId: 'demo-check' });
  await consumer.connect();
  await consumer.subscribe({ topics: [topics.predictions], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) {
            const { id } = JSON.parse((value as Buffer).toString()) as { id: number };
            counts.set(id, (counts.get(id) ?? 0) + 1);
          }
          // The last offset of a partition is a transaction's marker.
          if (Number(batch.lastOffset()) + 2 >= (ends.get(batch.partition) ?? 0)) open.delete(batch.partition);
          if (open.size === 0) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return counts;
}

async function demo(): Promise<void> {
  console.log('starting a Kafka broker');
  const address = await startBroker();
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: Object.values(topics).map((topic) => ({ topic, numPartitions: 2 })) });
  await admin.disconnect();
  console.log(`broker at ${address}; flights are replayed into topic '${topics.flights}', 2 workers and 1 parameter server learn from it`);
  const port = await freePort();
  const job = millrace('run', 'examples/flights-kafka/job.ts', '--set', `brokers=${address}`, '--metrics-port', String(port));
  const replay = millrace(
    'run',
    'examples/flights-kafka/replay.ts',
    '--set',
    `brokers=${address}`,
    '--set',
    `flights=${flights}`,
    '--set',
    `perSecond=${values['per-second']}`,
  );
  await watch(`http://127.0.0.1:${port}/metrics`, job);
  if (replay.exitCode === null) await once(replay, 'exit');
  console.log('every flight has been read: the job is stopped, and commits');
  job.kill('SIGINT');
  const [code] = (await once(job, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the job ended with exit code ${code}`);
  const counts = await countPredictions(kafka);
  const twice = [...counts.values()].filter((count) => count > 1).length;
  console.log(`topic '${topics.predictions}': ${counts.size} flights, ${flights - counts.size} missing, ${twice} more than once`);
  if (counts.size !== flights || twice > 0) throw new Error('not exactly once');
}

await runDemo(demo, started);
