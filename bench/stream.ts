import { fileURLToPath } from 'node:url';
import { createEmbeddedEngine, loadJob } from '../src/engines/embedded/index.js';
import { buildGraph } from '../src/stream/index.js';
import { compare, type BenchResult } from './harness.js';
import { delayOf, originOf, timeOf, windowMs } from './stream-job.js';

const rows = 5_000_000;
const rounds = 5;

/** source -> derived column -> keyBy -> tumbling window -> sink on the embedded engine, against a bare loop over objects. */
export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const parallelism of [1, 2]) {
    log(`stream: ${rows} rows at parallelism ${parallelism}, ${rounds} rounds`);
    results.push(await compare(`columnar-p${parallelism}`, 'records/s', { rounds, subject: () => streamRate(parallelism), baseline: bareRate }));
  }
  return results;
}

interface Ended {
  readonly at: number;
  readonly rows: number;
}

async function streamRate(parallelism: number): Promise<number> {
  const path = fileURLToPath(new URL('stream-job.js', import.meta.url));
  const definition = await loadJob({ path });
  const params = { rows };
  const starts: number[] = [];
  const ends: Ended[] = [];
  const job = await createEmbeddedEngine().submit({
    id: 'bench-stream',
    name: definition.name,
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'bench' },
    params,
    parallelism,
    keyGroups: 128,
    overrides: {},
    log: () => undefined,
    onReport: ({ channel, value }) => {
      if (channel === 'started') starts.push(value as number);
      if (channel === 'ended') ends.push(value as Ended);
    },
  });
  await job.finished;
  const made = ends.reduce((sum, end) => sum + end.rows, 0);
  if (made !== expectedRows) throw new Error(`the job made ${made} result rows where the loop makes ${expectedRows}`);
  // From the first read to the last row in a sink: starting threads is not what is compared.
  return (rows / (Math.max(...ends.map(({ at }) => at)) - Math.min(...starts))) * 1000;
}

let expectedRows = 0;

interface Flight {
  readonly at: Date;
  readonly origin: string;
  readonly delay: number;
}

interface WindowResult {
  readonly origin: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly flights: number;
  readonly mean: number;
}

function bareRate(): number {
  const start = performance.now();
  let open = new Map<string, { flights: number; minutes: number }>();
  let windowStart = NaN;
  let made = 0;
  let kept: WindowResult | undefined;
  const fire = (): void => {
    for (const [origin, { flights, minutes }] of open) {
      kept = { origin, windowStart: new Date(windowStart), windowEnd: new Date(windowStart + windowMs), flights, mean: minutes / flights };
      made++;
    }
    open = new Map();
  };
  for (let i = 0; i < rows; i++) {
    const flight: Flight = { at: new Date(timeOf(i)), origin: originOf(i), delay: delayOf(i) };
    // Written out: a spread costs Node.js 20 over a microsecond, which a loop written for speed would not pay.
    const mapped = { at: flight.at, origin: flight.origin, delay: flight.delay, minutes: flight.delay / 60 };
    const from = Math.floor(mapped.at.getTime() / windowMs) * windowMs;
    if (from !== windowStart) {
      fire();
      windowStart = from;
    }
    let held = open.get(mapped.origin);
    if (held === undefined) open.set(mapped.origin, (held = { flights: 0, minutes: 0 }));
    held.flights++;
    held.minutes += mapped.minutes;
  }
  fire();
  if (kept === undefined) throw new Error('the loop made no window');
  expectedRows = made;
  return (rows / (performance.now() - start)) * 1000;
}
