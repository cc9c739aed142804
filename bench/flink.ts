import { createEmbeddedEngine } from '../src/engines/embedded/index.js';
import { createFlinkEngine } from '../src/engines/flink/index.js';
import { bundleJob } from '../src/engines/runtime/bundle.js';
import { buildGraph, type Engine } from '../src/stream/index.js';
import { bridgeJar } from '../test/flink/bridge.js';
import { LocalFlink } from '../test/flink/local-flink.js';
import { against, alternate, type BenchResult } from './harness.js';
import { benchJob } from './job-rate.js';
import { buildJavaPeer, JavaPeer, openPyFlink } from './flink-peers.js';
import job, { batchRows, type Counted } from './flink-job.js';

const rounds = 3;
// Several seconds each, a second for warming up left out.
const sizes = [
  { bytes: 100, batches: 12_000, java: 20_000_000, python: 400_000 },
  { bytes: 1024, batches: 3_000, java: 4_000_000, python: 300_000 },
] as const;

/**
 * source -> identity map -> sink, a call for each record, on Flink: in Node behind the bridge, in batches of 1000 records, against
 * Java with a record of Flink for each, PyFlink's process mode, and the embedded engine. `apart`: three tasks, so that every
 * record goes through two exchanges of Flink; `chained`: one.
 */
export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const jar = await buildJavaPeer();
  const cluster = await LocalFlink.start({ version: '2.2.0', jvm: ['-XX:TieredStopAtLevel=4'] });
  const pyFlink = await openPyFlink(jar);
  try {
    if ('skip' in pyFlink) log(`flink: without PyFlink: ${pyFlink.skip}`);
    const java = await JavaPeer.upload(cluster.address, jar);
    const flink = createFlinkEngine({ address: cluster.address, jar: await bridgeJar(), pollIntervalMs: 200 });
    const results: BenchResult[] = [];
    for (const { bytes, batches, ...records } of sizes) {
      log(`flink: records of ${bytes} B, ${rounds} rounds`);
      const node = (engine: Engine, apart: boolean) => () => nodeRate(engine, { bytes, apart, batches });
      const rates = await alternate(
        {
          apart: node(flink, true),
          chained: node(flink, false),
          embedded: node(createEmbeddedEngine(), true),
          javaApart: () => java.rate({ bytes, records: records.java }, 'apart'),
          javaChained: () => java.rate({ bytes, records: records.java }, 'chained'),
          python: () => ('skip' in pyFlink ? NaN : pyFlink.rate({ bytes, records: records.python })),
        },
        rounds,
      );
      const unit = 'records/s';
      results.push(
        against(`${bytes}B-apart-to-java-apart`, unit, rates.apart, rates.javaApart),
        against(`${bytes}B-chained-to-java-chained`, unit, rates.chained, rates.javaChained),
        against(`${bytes}B-apart-to-embedded-apart`, unit, rates.apart, rates.embedded),
        ...('skip' in pyFlink ? [] : [against(`${bytes}B-apart-to-pyflink`, unit, rates.apart, rates.python)]),
      );
    }
    return results;
  } finally {
    if (!('skip' in pyFlink)) pyFlink.close();
    await cluster.close();
  }
}

async function nodeRate(engine: Engine, params: { readonly bytes: number; readonly batches: number; readonly apart: boolean }): Promise<number> {
  let counted: Counted | undefined;
  const bundle = engine.name === 'flink' ? await bundleJob(benchJob('flink-job').path) : benchJob('flink-job');
  const running = await engine.submit({
    ...{ id: 'identity', name: job.name, graph: buildGraph(job, params), bundle, params, parallelism: 1, keyGroups: 128, overrides: {} },
    log: ({ level, message }) => {
      if (level === 'error') console.error(message);
    },
    onReport: ({ channel, value }) => {
      if (channel === 'counted') counted = value as Counted;
    },
  });
  try {
    await running.finished;
  } finally {
    await running.cancel();
  }
  const rows = params.batches * batchRows;
  if (counted?.rows !== rows) throw new Error(`the sink had ${counted?.rows} records of ${rows}`);
  return (rows * 0.8 * 1000) / (counted.allAt - counted.fifthAt);
}
