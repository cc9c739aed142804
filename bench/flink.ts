import { createEmbeddedEngine } from '../src/engines/embedded/index.js';
import { createFlinkEngine } from '../src/engines/flink/index.js';
import { bundleJob } from '../src/engines/runtime/bundle.js';
import { buildGraph, type Engine } from '../src/stream/index.js';
import { bridgeJar } from '../test/flink/bridge.js';
import { LocalFlink } from '../test/flink/local-flink.js';
import { nodeHosts } from '../test/flink/node-hosts.js';
import { against, alternate, type BenchResult } from './harness.js';
import { benchJob } from './job-rate.js';
import { buildJavaPeer, JavaPeer, openPyFlink, type Measured } from './flink-peers.js';
import job, { batchRows, type Counted } from './flink-job.js';
import { ProcessCpu } from './process-cpu.js';

const rounds = 3;
/** Of one run, if it is as fast as the one before; a fifth of it is not measured. */
const runSeconds = 5;
/** Records of the first runs, which are not counted: they warm up what outlives a job, and say how much the next ones can do. */
const first = { node: 4_000_000, java: 8_000_000, python: 100_000 };

/**
 * source -> identity map -> sink, a call for each record, on Flink: in Node behind the bridge, in batches of 1000 records, against
 * Java with a record of Flink for each, PyFlink's process mode, and the embedded engine; all at parallelism 1.
 *
 * - `apart`: three tasks, so that every record goes through two exchanges of Flink; `chained`: one.
 * - A rate is that from a fifth of the records, when the job is deployed, loaded and compiled, to the last one. Each run does as
 *   many records as its leg did in `runSeconds` before, so the bench takes as long on a slow machine: 7 minutes.
 * - `…-cpu`: processor time of the TaskManager and its Node hosts for a record. Rates of the two sides come from runs one after the other,
 *   and a machine that does other things takes from both; this figure hardly moves then.
 * - PyFlink's source and sink are Java's, in one task with its map: it has no exchange, where `apart` has two.
 */
export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const jar = await buildJavaPeer();
  const cluster = await LocalFlink.start({ version: '2.2.0', jvm: ['-XX:TieredStopAtLevel=4'] });
  const cpu = new ProcessCpu(() => [cluster.taskManagerPid(0) as number, ...nodeHosts(cluster)]);
  const pyFlink = await openPyFlink(jar);
  try {
    if ('skip' in pyFlink) log(`flink: without PyFlink: ${pyFlink.skip}`);
    const java = await JavaPeer.upload(cluster.address, jar);
    const flink = createFlinkEngine({ address: cluster.address, jar: await bridgeJar(), pollIntervalMs: 200 });
    const results: BenchResult[] = [];
    for (const bytes of [100, 1024]) {
      log(`flink: records of ${bytes} B, ${rounds} rounds`);
      // Nanoseconds for a record, one for each round.
      const spent = { apart: [] as number[], javaApart: [] as number[] };
      const spending = async (leg: keyof typeof spent, measure: () => Promise<Measured>): Promise<Measured> => {
        const measured = await measure();
        spent[leg].push((cpu.share(measured.fromMs, measured.toMs) / measured.rate) * 1e9);
        return measured;
      };
      const node = (engine: Engine, apart: boolean, records: number) => measureNode(engine, { bytes, apart, batches: records / batchRows });
      const rates = await alternate(
        {
          apart: paced(first.node, (records) => spending('apart', () => node(flink, true, records))),
          chained: paced(first.node, (records) => node(flink, false, records)),
          embedded: paced(first.node, (records) => node(createEmbeddedEngine(), true, records)),
          javaApart: paced(first.java, (records) => spending('javaApart', () => java.measure({ bytes, records }, 'apart'))),
          javaChained: paced(first.java, (records) => java.measure({ bytes, records }, 'chained')),
          python: paced(first.python, async (records) => ({ rate: 'skip' in pyFlink ? NaN : await pyFlink.rate({ bytes, records }) })),
        },
        rounds,
      );
      const unit = 'records/s';
      results.push(
        against(`${bytes}B-apart-to-java-apart`, unit, rates.apart, rates.javaApart),
        against(`${bytes}B-apart-to-java-chained`, unit, rates.apart, rates.javaChained),
        against(`${bytes}B-chained-to-java-chained`, unit, rates.chained, rates.javaChained),
        against(`${bytes}B-apart-to-embedded-apart`, unit, rates.apart, rates.embedded),
        against(`${bytes}B-apart-to-java-apart-cpu`, 'ns/record', spent.apart.slice(1), spent.javaApart.slice(1)),
        ...('skip' in pyFlink ? [] : [against(`${bytes}B-apart-to-pyflink`, unit, rates.apart, rates.python)]),
      );
    }
    return results;
  } finally {
    cpu.stop();
    if (!('skip' in pyFlink)) pyFlink.close();
    await cluster.close();
  }
}

/** A leg whose runs take as long each, whole batches at a time. */
function paced(records: number, measure: (records: number) => Promise<Pick<Measured, 'rate'>>): () => Promise<number> {
  let next = records;
  return async () => {
    const { rate } = await measure(next);
    if (rate > 0) next = Math.max(Math.round((rate * runSeconds) / batchRows), 100) * batchRows;
    return rate;
  };
}

async function measureNode(engine: Engine, params: { readonly bytes: number; readonly batches: number; readonly apart: boolean }): Promise<Measured> {
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
  const { fifthAt: fromMs, allAt: toMs } = counted;
  return { rate: (rows * 0.8 * 1000) / (toMs - fromMs), fromMs, toMs };
}
