import type { MetricSample } from '../../core/metrics.js';
import type { OperatorStatus } from '../../stream/engine.js';
import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { OperatorNode } from '../../stream/graph.js';

interface Reading {
  readonly atMs: number;
  readonly samples: readonly MetricSample[];
}

const defaultWindowMs = 5_000;
const intervalMs = 1_000;
const builtIn: ReadonlySet<string> = new Set([
  'millrace_records_in_total',
  'millrace_records_out_total',
  'millrace_batches_in_total',
  'millrace_batches_out_total',
  'millrace_watermark_seconds',
]);

/** Turns metrics into what `status` shows: totals over all attempts, rates and shares over the last seconds. */
export class JobStatistics {
  readonly #read: () => readonly MetricSample[];
  readonly #windowMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #readings: Reading[] = [];
  /** Totals of attempts before this one, by metric and operator. */
  readonly #before = new Map<string, number>();
  #last: readonly MetricSample[] | undefined;

  /** @param windowMs that rates and shares are taken over */
  constructor(read: () => readonly MetricSample[], windowMs = defaultWindowMs) {
    this.#read = read;
    this.#windowMs = windowMs;
    this.#take();
    this.#timer = setInterval(() => this.#take(), intervalMs).unref();
  }

  /** Counters start again at zero with a redeployment: keeps what they had. */
  keep(samples: readonly MetricSample[]): void {
    for (const sample of samples) {
      const key = keyOf(sample.name, sample.labels['uid'] ?? '');
      if (sample.type === 'counter') this.#before.set(key, (this.#before.get(key) ?? 0) + sample.value);
    }
    this.#readings.length = 0;
  }

  stop(last: readonly MetricSample[]): void {
    clearInterval(this.#timer);
    this.#last = last;
  }

  /** @param pids of the subtasks of a vertex that run in processes */
  operators(plan: JobGraph, pids: (vertex: JobVertex) => readonly number[] = () => []): OperatorStatus[] {
    const samples = this.#last ?? this.#read();
    const oldest = this.#readings[0];
    return plan.vertices.flatMap((vertex) =>
      vertex.operators.map((node) => {
        const processes = pids(vertex);
        return { ...this.#operator(node, vertex, { atMs: performance.now(), samples }, oldest), ...(processes.length === 0 ? {} : { pids: processes }) };
      }),
    );
  }

  #operator(node: OperatorNode, vertex: JobVertex, now: Reading, old: Reading | undefined): OperatorStatus {
    const mine = now.samples.filter((sample) => sample.labels['uid'] === node.uid);
    const total = (name: string): number => sum(mine, name) + (this.#before.get(keyOf(name, node.uid)) ?? 0);
    const seconds = old === undefined ? 0 : (now.atMs - old.atMs) / 1000;
    const oldMine = old?.samples.filter((sample) => sample.labels['uid'] === node.uid) ?? [];
    // A source has no input: what it makes is its rate.
    const rateOf = (name: string): number => (seconds > 0 ? Math.max(sum(mine, name) - sum(oldMine, name), 0) / seconds : 0);
    const share = (kind: string): number => shareOf(`millrace_${kind}_seconds_total`, vertex, now, old);
    const watermarks = mine.filter((sample) => sample.name === 'millrace_watermark_seconds').map((sample) => sample.value * 1000);
    const watermark = Math.min(...watermarks);
    return {
      uid: node.uid,
      name: node.name,
      kind: node.kind,
      role: node.role,
      parallelism: vertex.parallelism,
      recordsIn: total('millrace_records_in_total'),
      recordsOut: total('millrace_records_out_total'),
      recordsPerSecond: rateOf('millrace_records_in_total') || rateOf('millrace_records_out_total'),
      busy: share('busy'),
      idle: share('idle'),
      backpressured: share('backpressured'),
      watermark: watermarks.length === 0 || Number.isNaN(watermark) ? undefined : watermark,
      metrics: this.#custom(mine, node.uid),
    };
  }

  #custom(samples: readonly MetricSample[], uid: string): Readonly<Record<string, number>> {
    const byName = new Map<string, MetricSample[]>();
    for (const sample of samples) {
      if (builtIn.has(sample.name) || sample.type === 'histogram') continue;
      byName.set(sample.name, [...(byName.get(sample.name) ?? []), sample]);
    }
    return Object.fromEntries(
      [...byName].map(([name, all]) => {
        const added = all.reduce((so, { value }) => so + value, 0);
        const isCounter = all[0]?.type === 'counter';
        return [name.replace(/^millrace_/, ''), isCounter ? added + (this.#before.get(keyOf(name, uid)) ?? 0) : added / all.length];
      }),
    );
  }

  #take(): void {
    const atMs = performance.now();
    this.#readings.push({ atMs, samples: this.#read() });
    while (this.#readings.length > 1 && atMs - (this.#readings[0] as Reading).atMs > this.#windowMs) this.#readings.shift();
  }
}

function keyOf(name: string, uid: string): string {
  return `${uid} ${name}`;
}

function sum(samples: readonly MetricSample[], name: string): number {
  return samples.reduce((so, sample) => (sample.name === name ? so + sample.value : so), 0);
}

/** Time of one kind against all time that the subtasks of a chain accounted for. */
function shareOf(name: string, vertex: JobVertex, now: Reading, old: Reading | undefined): number {
  const seconds = (reading: Reading | undefined, kinds: readonly string[]): number =>
    (reading?.samples ?? []).reduce((so, sample) => (sample.labels['chain'] === vertex.name && kinds.includes(sample.name) ? so + sample.value : so), 0);
  const all = ['millrace_busy_seconds_total', 'millrace_idle_seconds_total', 'millrace_backpressured_seconds_total'];
  const time = seconds(now, all) - seconds(old, all);
  return time > 0 ? Math.min(Math.max((seconds(now, [name]) - seconds(old, [name])) / time, 0), 1) : 0;
}
