import { MessageChannel } from 'node:worker_threads';
import { MillraceError } from '../../core/errors.js';
import { createDoorbell, type DoorbellMemory } from '../../memory/doorbell.js';
import { createRing, releasedCell, unitBytes, writtenCell, type RingMemory } from '../../memory/ring-memory.js';
import type { MetricSample } from '../../core/metrics.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import { ownState, transferables } from './chain-state.js';
import { metricsBlockBytes } from './metrics-block.js';
import type { ChainState, FromSubtask, InputChannel, JobTask, OutputEdge } from './protocol.js';
import { RendezvousBoard } from './rendezvous.js';
import type { CutState } from '../../stream/checkpoint.js';
import { dealState } from './restore.js';
import { SubtaskHandle } from './subtask-handle.js';
import type { ThreadPool } from './thread-pool.js';

export interface DeploymentRequest {
  readonly job: JobTask;
  readonly plan: JobGraph;
  readonly attempt: number;
  /** undefined on a first start. */
  readonly restored: CutState | undefined;
  /** Subtasks of vertices that have ended and stay as they are. */
  readonly kept: readonly SubtaskHandle[];
  readonly onMessage: (handle: SubtaskHandle, message: FromSubtask) => void;
  readonly onLost: (handle: SubtaskHandle, error: MillraceError) => void;
}

interface Slot {
  readonly vertex: JobVertex;
  readonly index: number;
  readonly doorbell: DoorbellMemory;
}

interface Ring {
  readonly edge: JobEdge;
  readonly from: number;
  readonly to: number;
  readonly memory: RingMemory;
}

/**
 * One attempt of a job: its subtasks, each on a thread, and the channels between them.
 *
 * ```
 * edge a ─► b, hash:   a[0] ─ring─► b[0]     forward: a[i] ─► b[i] only
 *                      a[0] ─ring─► b[1]     one doorbell per subtask, rung by all its channels
 *                      a[1] ─ring─► b[0] …
 * ```
 */
export class Deployment {
  readonly board = new RendezvousBoard();
  readonly handles: readonly SubtaskHandle[];
  readonly #rings: readonly Ring[];

  constructor(pool: ThreadPool, request: DeploymentRequest) {
    const { plan, kept } = request;
    const keptVertices = new Set(plan.vertices.filter((vertex) => kept.some((handle) => isSameVertex(handle.vertex, vertex))).map(({ id }) => id));
    const slots = plan.vertices.map((vertex) =>
      Array.from({ length: vertex.parallelism }, (_, index): Slot => ({ vertex, index, doorbell: createDoorbell().memory })),
    );
    this.#rings = plan.edges.flatMap((edge) => (keptVertices.has(edge.from) ? [] : ringsOf(edge, slots, request.job.options.channelBytes)));
    const shares = plan.vertices.map((vertex) => (request.restored === undefined ? [] : dealState(request.restored, vertex, plan.keyGroups)));
    const started = slots
      .flat()
      .filter(({ vertex }) => !keptVertices.has(vertex.id))
      .map((slot) => this.#start(pool, request, slot, shares[slot.vertex.id]?.[slot.index] ?? {}));
    this.handles = [...kept, ...started];
  }

  /** Bytes that lie in each channel. */
  channelMetrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    return this.#rings.map(({ edge, from, to, memory }) => ({
      name: 'millrace_channel_used_bytes',
      help: 'Bytes in a channel that its consumer has not released yet.',
      type: 'gauge',
      labels: { ...labels, channel: `${edge.edge.from}[${from}]->${edge.edge.to}[${to}]`, exchange: edge.edge.exchange.kind },
      value: usedBytes(memory),
    }));
  }

  #start(pool: ThreadPool, request: DeploymentRequest, slot: Slot, share: ChainState): SubtaskHandle {
    // A copy, because the cut may be needed again.
    const restored = ownState(share);
    const { port1, port2 } = new MessageChannel();
    const metrics = new SharedArrayBuffer(metricsBlockBytes);
    const handle: SubtaskHandle = new SubtaskHandle(slot.vertex, slot.index, request.attempt, port1, metrics, request.onMessage);
    const task = {
      job: request.job,
      vertex: slot.vertex.id,
      index: slot.index,
      attempt: request.attempt,
      ended: [...new Set(request.kept.flatMap(({ vertex }) => vertex.operators.map(({ uid }) => uid)))],
      inputs: this.#inputs(request.plan, slot),
      outputs: this.#outputs(request.plan, slot),
      doorbell: slot.doorbell,
      metrics,
      restored,
      port: port2,
    };
    pool
      .run(task, { name: handle.name, transfer: transferables(restored), signal: handle.killed })
      .then(
        () => undefined,
        (error: unknown) => request.onLost(handle, MillraceError.from(error, 'THREAD_LOST', handle.name)),
      )
      .finally(() => handle.threadFree());
    return handle;
  }

  #inputs(plan: JobGraph, { vertex, index }: Slot): InputChannel[] {
    return plan.edges
      .filter((edge) => edge.to === vertex.id)
      .flatMap((edge): InputChannel[] => {
        const rings = this.#rings.filter((ring) => ring.edge === edge && ring.to === index);
        // The upstream vertex has ended and was left alone: its end is all that will come.
        if (rings.length === 0) return [{ edge: edge.id, from: -1, ring: undefined }];
        return rings.map(({ from, memory }) => ({ edge: edge.id, from, ring: memory }));
      });
  }

  #outputs(plan: JobGraph, { vertex, index }: Slot): OutputEdge[] {
    return plan.edges
      .filter((edge) => edge.from === vertex.id)
      .map((edge) => ({
        edge: edge.id,
        targets: this.#rings.filter((ring) => ring.edge === edge && ring.from === index).map(({ memory }) => memory),
      }));
  }
}

/** The same operators with the same parallelism. */
function isSameVertex(a: JobVertex, b: JobVertex): boolean {
  return a.parallelism === b.parallelism && a.operators.length === b.operators.length && a.operators.every((node, i) => node.uid === b.operators[i]?.uid);
}

/** Subtasks that a redeployment leaves alone: their whole vertex has ended, and so has everything that feeds it. */
export function keptSubtasks(handles: readonly SubtaskHandle[], plan: JobGraph): SubtaskHandle[] {
  const kept = new Map<number, readonly SubtaskHandle[]>();
  // Vertices are in topological order.
  for (const vertex of plan.vertices) {
    const own = handles.filter((handle) => isSameVertex(handle.vertex, vertex));
    const isFed = plan.edges.some((edge) => edge.to === vertex.id && !kept.has(edge.from));
    if (own.length > 0 && !isFed && own.every((handle) => handle.ended !== undefined)) kept.set(vertex.id, own);
  }
  return [...kept.values()].flat();
}

/** Room for control frames is all that a control exchange needs. */
const controlRingBytes = 64 * 1024;

function ringsOf(edge: JobEdge, slots: readonly (readonly Slot[])[], channelBytes: number): Ring[] {
  const { kind } = edge.edge.exchange;
  const rings: Ring[] = [];
  for (const producer of slots[edge.from] as readonly Slot[]) {
    for (const consumer of slots[edge.to] as readonly Slot[]) {
      if (kind === 'forward' && producer.index !== consumer.index) continue;
      const memory = createRing({
        capacityBytes: kind === 'control' ? controlRingBytes : channelBytes,
        producerBell: producer.doorbell,
        consumerBell: consumer.doorbell,
      });
      rings.push({ edge, from: producer.index, to: consumer.index, memory });
    }
  }
  return rings;
}

/** As anybody may see it, who neither reads nor writes. */
function usedBytes({ buffer }: RingMemory): number {
  const cells = new Int32Array(buffer);
  return ((Atomics.load(cells, writtenCell) - Atomics.load(cells, releasedCell)) | 0) * unitBytes;
}
