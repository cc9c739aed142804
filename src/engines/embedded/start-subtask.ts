import { MillraceError, systemClock } from '../../core/index.js';
import { attachDoorbell } from '../../memory/doorbell.js';
import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import { Chain } from '../runtime/chain.js';
import { ChannelEnds } from './channel-ends.js';
import { createExchange, createGateChannel } from './channels.js';
import type { ExchangeWriter } from '../runtime/exchange-writer.js';
import { InputGate } from '../runtime/input-gate.js';
import { LoopClock } from '../runtime/loop-clock.js';
import { MetricsBlock } from '../runtime/metrics-block.js';
import { OperatorDriver } from '../runtime/operator-driver.js';
import { operatorError } from '../runtime/operator-error.js';
import { OperatorOutputs, type Route } from '../runtime/operator-output.js';
import type { FromSubtask } from '../runtime/protocol.js';
import type { SubtaskTask } from './protocol.js';
import { RendezvousClient } from '../runtime/rendezvous.js';
import { operatorLabels, subtaskContext } from '../runtime/subtask-context.js';
import { SubtaskRunner } from '../runtime/subtask-runner.js';

/** Puts one subtask together: its operators, routes between them, channels in and out, and the loop. */
export function startSubtask(
  task: SubtaskTask,
  graph: JobGraph,
  post: (message: FromSubtask, transfer?: readonly ArrayBuffer[]) => void,
): { readonly runner: SubtaskRunner; readonly open: () => Promise<boolean>; readonly ends: ChannelEnds } {
  const vertex = graph.vertices[task.vertex] as JobVertex;
  const doorbell = attachDoorbell(task.doorbell);
  const metrics = new MetricsBlock(task.metrics, (metric) => post({ type: 'metric', metric }));
  const abort = new AbortController();
  const rendezvous = new RendezvousClient(post, systemClock);
  const runner: SubtaskRunner = new SubtaskRunner();
  const chain = new Chain(vertex.operators.length, runner);
  const ends = new ChannelEnds({
    doorbell: task.doorbell,
    rendezvous,
    deadlineMs: task.job.options.startTimeoutMs,
    metrics: (labels) => metrics.group(labels),
    onBroken: (error) => {
      if (!abort.signal.aborted) runner.fail(error, runner.head);
    },
  });
  const exchanges = new Map<number, ExchangeWriter>(task.outputs.map((output) => [output.edge, createExchange(output, graph, task, ends)]));
  const drivers = createDrivers(task, graph, chain, exchanges, metrics);
  const gate = new InputGate(
    task.inputs.map((input) => createGateChannel(input, graph, ends)),
    (item) => runner.deliver(item),
  );
  const time = new LoopClock(metrics.group({ chain: vertex.name }));
  runner.attach({
    index: task.index,
    parallelism: vertex.parallelism,
    chain,
    drivers,
    gate,
    exchanges: [...exchanges.values()],
    doorbell,
    time,
    post,
    abort,
    rendezvous,
  });

  const parallelismOf = (uid: string): number => {
    const found = graph.vertices.find(({ operators }) => operators.some((node) => node.uid === uid));
    if (found === undefined) throw new MillraceError('INTERNAL', `no operator with uid '${uid}' in this job`);
    return found.parallelism;
  };
  const open = (): Promise<boolean> =>
    runner.open((driver) => ({
      context: subtaskContext(driver, { task, parallelism: vertex.parallelism, parallelismOf, metrics, rendezvous, signal: abort.signal, runner, post }),
      restored: task.restored[driver.node.uid] ?? [],
    }));
  return { runner, open, ends };
}

/** From the last operator to the head, so that each one's outputs are there before it. */
function createDrivers(
  task: SubtaskTask,
  graph: JobGraph,
  chain: Chain,
  exchanges: ReadonlyMap<number, ExchangeWriter>,
  metrics: MetricsBlock,
): OperatorDriver[] {
  const vertex = graph.vertices[task.vertex] as JobVertex;
  const drivers = new Map<number, OperatorDriver>();
  for (const node of [...vertex.operators].reverse()) {
    const routes = new Map<string | undefined, Route>();
    const route = (tag: string | undefined): Route => {
      const known = routes.get(tag) ?? { inner: [], exchanges: [] };
      routes.set(tag, known);
      return known;
    };
    for (const edge of vertex.inner) {
      if (edge.from === node.id) route(edge.tag).inner.push({ driver: drivers.get(edge.to) as OperatorDriver, input: edge.input });
    }
    for (const { id, edge } of graph.edges) {
      const exchange = exchanges.get(id);
      if (edge.from === node.id && exchange !== undefined) route(edge.tag).exchanges.push(exchange);
    }
    const group = metrics.group(operatorLabels(node));
    try {
      drivers.set(node.id, new OperatorDriver(node, chain, new OperatorOutputs(chain, routes, group), group));
    } catch (thrown) {
      throw operatorError(thrown, node, task.index, vertex.parallelism);
    }
  }
  return vertex.operators.map((node) => drivers.get(node.id) as OperatorDriver);
}
