import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/collect.js';
import { withDeadline } from '../../../src/core/index.js';
import type { Engine, RunningJob, SubtaskReport } from '../../../src/stream/engine.js';
import type { LogicalGraph } from '../../../src/stream/graph.js';
import { buildGraph } from '../../../src/stream/job.js';
import job, { resultSink, sideSink, toWire, type CaseParams } from './case-job.js';
import { caseName, shown, type OperatorCase } from './operator-case.js';
import type { OperatorRunner, RunOptions } from './operator-runner.js';
import { gateChannel } from './replay-source.js';

const path = fileURLToPath(new URL('case-job.js', import.meta.url));
const deadlineMs = 30_000;

/** Runs each case as a job of its own on an engine. The cut is a `scale` while the sources stand at a gate. */
export function engineRunner(engine: Engine): OperatorRunner {
  return {
    name: `${engine.name} engine`,
    async run(testCase, events, options) {
      const given: CaseParams = {
        testCase: caseName(testCase),
        path: options.path,
        gateAt: options.cutAt ?? null,
        isolation: options.isolation ?? 'thread',
        events: events.map(toWire),
      };
      const params = { given: JSON.stringify(given) };
      const graph = buildGraph(job, params);
      const outputs = new Outputs(testCase);
      const overrides = parallelisms(graph, options.parallelism);
      const sources = graph.nodes.filter(({ kind }) => kind === 'source').reduce((sum, { uid }) => sum + (overrides[uid] ?? 1), 0);
      const gates = new Countdown(sources);
      const running = await engine.submit({
        ...{ id: 'operator-case', name: job.name, graph, params, overrides, parallelism: 1, keyGroups: 128 },
        bundle: { path, hash: 'operator-case' },
        log: () => undefined,
        onReport: (report) => {
          if (report.channel === gateChannel) gates.count();
          else outputs.accept(report);
        },
      });
      if (options.isolation === 'process' && !running.status().operators.some(({ pids = [] }) => pids.length === options.parallelism))
        throw new Error('no operator runs in processes');
      try {
        await withDeadline(ended(running, graph, gates, options), { ms: deadlineMs, what: caseName(testCase) });
      } finally {
        await running.cancel();
      }
      return outputs.shown();
    },
  };
}

async function ended(running: RunningJob, graph: LogicalGraph, gates: Countdown, { cutAt, scaledTo }: RunOptions): Promise<void> {
  if (cutAt !== undefined) {
    await Promise.race([gates.reached, running.finished]);
    await running.scale(subjectOf(graph), scaledTo);
  }
  await running.finished;
}

/**
 * Where rows of a key must keep their order (behind a hash exchange), the operators ahead of it stay at parallelism 1;
 * elsewhere every operator has the parallelism, the sources too. Sinks are single.
 */
function parallelisms({ nodes, edges }: LogicalGraph, parallelism: number): Record<string, number> {
  const keyed = new Set<number>();
  for (const edge of edges) if (edge.exchange.kind === 'hash' || keyed.has(edge.from)) keyed.add(edge.to);
  const follows = new Set(edges.filter(({ exchange }) => exchange.kind === 'forward' && exchange.explicit === true).map(({ to }) => to));
  const scaled = nodes.filter(({ id, kind }) => kind !== 'sink' && !follows.has(id) && (keyed.size === 0 || keyed.has(id)));
  return Object.fromEntries(scaled.map(({ uid }) => [uid, parallelism]));
}

/** uid of the operator that makes the result; where that takes over the parallelism of its input, of the input. */
function subjectOf({ nodes, edges }: LogicalGraph): string {
  const sink = nodes.find(({ name }) => name === resultSink);
  let node = edges.find(({ to }) => to === sink?.id)?.from;
  for (;;) {
    const forward = edges.find(({ to, exchange }) => to === node && exchange.kind === 'forward' && exchange.explicit === true);
    if (forward === undefined) break;
    node = forward.from;
  }
  const uid = nodes.find(({ id }) => id === node)?.uid;
  if (uid === undefined) throw new Error('the job has no result');
  return uid;
}

class Outputs {
  readonly #collectors: ReadonlyMap<string, Collector>;

  constructor({ sides = {} }: OperatorCase) {
    this.#collectors = new Map([['', new Collector(resultSink)], ...Object.keys(sides).map((tag) => [tag, new Collector(sideSink(tag))] as const)]);
  }

  accept(report: SubtaskReport): void {
    for (const collector of this.#collectors.values()) collector.accept(report);
  }

  shown(): Record<string, string[]> {
    const all = [...this.#collectors].map(([tag, { records }]) => [tag, shown(records.map(({ row, time }) => ({ row, time: time as number })))] as const);
    return Object.fromEntries(all);
  }
}

class Countdown {
  readonly reached: Promise<void>;
  #left: number;
  #resolve!: () => void;

  constructor(count: number) {
    this.#left = count;
    this.reached = new Promise((resolve) => (this.#resolve = resolve));
  }

  count(): void {
    if (--this.#left === 0) this.#resolve();
  }
}
