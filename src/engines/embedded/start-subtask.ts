import { systemClock } from '../../core/index.js';
import { attachDoorbell } from '../../memory/doorbell.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import { encodeSnapshots, transferables } from '../runtime/chain-state.js';
import { createSubtask } from '../runtime/create-subtask.js';
import { createExchange, edgeSource } from '../runtime/edges.js';
import type { ExchangeWriter } from '../runtime/exchange-writer.js';
import { InputGate, type GateChannel } from '../runtime/input-gate.js';
import { MetricsBlock } from '../runtime/metrics-block.js';
import type { FromSubtask } from '../runtime/protocol.js';
import { RendezvousClient } from '../runtime/rendezvous.js';
import type { StateOutlet, SubtaskRunner } from '../runtime/subtask-runner.js';
import { ChannelEnds } from './channel-ends.js';
import { beat } from './hung-threads.js';
import type { SubtaskTask } from './protocol.js';

type Post = (message: FromSubtask, transfer?: readonly ArrayBuffer[]) => void;

/** A subtask whose channels are rings and sockets, and whose state goes to the main thread as messages. */
export function startSubtask(
  task: SubtaskTask,
  graph: JobGraph,
  post: Post,
): { readonly runner: SubtaskRunner; readonly open: () => Promise<boolean>; readonly close: () => void } {
  const vertex = graph.vertices[task.vertex] as JobVertex;
  const metrics = new MetricsBlock(task.metrics, (metric) => post({ type: 'metric', metric }));
  const { hangTimeoutMs } = task.job;
  const stopBeating = hangTimeoutMs === undefined ? undefined : beat(metrics.group({ chain: vertex.name }), hangTimeoutMs);
  const abort = new AbortController();
  const rendezvous = new RendezvousClient(post, systemClock);
  const ends = new ChannelEnds({
    doorbell: task.doorbell,
    rendezvous,
    deadlineMs: task.job.options.startTimeoutMs,
    metrics: (labels) => metrics.group(labels),
    onBroken: (error) => {
      if (!abort.signal.aborted) runner.fail(error, runner.head);
    },
    succeeds: task.succeeds,
    epoch: task.attempt,
  });
  // Inputs first: how a subtask writes depends on whether what it reads stays for a successor.
  const channels = gateChannels(task, graph, ends);
  const exchanges = createExchanges(task, graph, ends);
  ends.lane?.guard(() => ([...exchanges.values()].some((exchange) => exchange.held || exchange.flushAt !== Infinity) ? undefined : ends.mark()));
  const { runner, open } = createSubtask({
    ...{ graph, vertex, parallelism: vertex.parallelism, placement: task, metrics, rendezvous, abort, post },
    doorbell: attachDoorbell(task.doorbell),
    exchanges,
    createGate: (deliver) => new InputGate(channels, deliver, task.succeeds?.decided),
    lane: ends.lane,
    state: stateMessages(post),
    parallelismOf: ({ parallelism }) => parallelism,
  });
  const close = (): void => {
    stopBeating?.();
    ends.close();
  };
  return { runner, open, close };
}

function createExchanges(task: SubtaskTask, graph: JobGraph, ends: ChannelEnds): Map<number, ExchangeWriter> {
  const { batchRows, flushIntervalMs } = task.job.options;
  const position = ends.lane?.isExact === true ? (): number => ends.position : undefined;
  const settings = { index: task.index, keyGroups: graph.keyGroups, batchRows, flushIntervalMs, position };
  return new Map(
    task.outputs.map(({ edge: id, targets }) => {
      const edge = graph.edges[id] as JobEdge;
      const writers = targets.map((place) => ends.writer(place, edge.edge.exchange.kind));
      return [id, createExchange(edge, writers, settings)];
    }),
  );
}

function gateChannels(task: SubtaskTask, graph: JobGraph, ends: ChannelEnds): GateChannel[] {
  return task.inputs.map(({ edge, channel }) => ({
    ...edgeSource(graph.edges[edge] as JobEdge, graph),
    reader: channel === undefined ? undefined : ends.reader(channel),
  }));
}

function stateMessages(post: Post): StateOutlet {
  return {
    snapshot: async (cut, snapshots) => {
      const state = await encodeSnapshots(snapshots);
      post({ type: 'snapshot', cut, state }, transferables(state));
    },
    ended: async (snapshots) => {
      const state = await encodeSnapshots(snapshots);
      post({ type: 'ended', state }, transferables(state));
    },
  };
}
