import { join } from 'node:path';
import { MillraceError } from '../../core/errors.js';
import { createDoorbell, type DoorbellMemory } from '../../memory/doorbell.js';
import { createRing, releasedCell, unitBytes, writtenCell, type RingMemory } from '../../memory/ring-memory.js';
import type { MetricSample } from '../../core/metrics.js';
import type { Isolation } from '../../stream/graph.js';
import type { RestartScope } from '../../stream/restart-options.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import { ownState } from '../runtime/chain-state.js';
import type { ChainState, FromSubtask } from '../runtime/protocol.js';
import type { ChannelPlace, InputChannel, JobTask, OutputEdge, SubtaskWork, Succession } from './protocol.js';
import { isNamed, replaceableVertices, type Replaceable } from '../runtime/replaceable.js';
import { RendezvousBoard } from '../runtime/rendezvous.js';
import type { CutState } from '../../stream/checkpoint.js';
import { isIn, type Region } from './regions/regions.js';
import { dealState } from './restore.js';
import { SubtaskHandle, subtaskName } from './subtask-handle.js';
import type { SubtaskHosts } from './subtask-host.js';

export interface DeploymentRequest {
  readonly job: JobTask;
  readonly plan: JobGraph;
  /** The part of the plan that is deployed. */
  readonly region: Region;
  readonly attempt: number;
  /** Of the whole job; undefined on a first start. */
  readonly restored: CutState | undefined;
  /** Subtasks of vertices of the region that have ended and stay as they are. */
  readonly kept: readonly SubtaskHandle[];
  /** How much starts again when a node of this role fails. */
  readonly scopeOf: (role: string) => RestartScope;
  readonly onMessage: (handle: SubtaskHandle, message: FromSubtask) => void;
  readonly onLost: (handle: SubtaskHandle, error: MillraceError) => void;
}

interface Slot {
  readonly vertex: JobVertex;
  readonly index: number;
  readonly doorbell: DoorbellMemory;
}

interface Channel {
  readonly edge: JobEdge;
  readonly from: number;
  readonly to: number;
  /** Another one for the sockets of a successor. */
  place: ChannelPlace;
}

/**
 * One attempt of a region of a job: its subtasks, each on a thread or in a process, and the channels between them.
 *
 * ```
 * edge a ─► b, hash:   a[0] ─ring─► b[0]     forward: a[i] ─► b[i] only
 *                      a[0] ─ring─► b[1]     one doorbell per subtask, rung by all its channels
 *                      a[1] ─ring─► b[0] …    a socket instead of a ring where an end is a process
 * ```
 */
export class Deployment {
  readonly board = new RendezvousBoard();
  readonly #handles: SubtaskHandle[];
  readonly #hosts: SubtaskHosts;
  readonly #request: DeploymentRequest;
  readonly #slots: readonly (readonly Slot[])[];
  readonly #channels: readonly Channel[];
  /** Vertices whose subtasks are replaced alone, and whether nothing is lost by it. */
  readonly #replaceable: Replaceable;

  constructor(hosts: SubtaskHosts, request: DeploymentRequest) {
    const { plan, region, kept } = request;
    this.#hosts = hosts;
    this.#request = request;
    this.#replaceable = replaceableVertices(plan, request.scopeOf);
    const keptVertices = new Set(plan.vertices.filter((vertex) => kept.some((handle) => isSameVertex(handle.vertex, vertex))).map(({ id }) => id));
    const slots = plan.vertices.map((vertex) =>
      Array.from({ length: isIn(region, vertex) ? vertex.parallelism : 0 }, (_, index): Slot => ({ vertex, index, doorbell: createDoorbell().memory })),
    );
    this.#slots = slots;
    this.#channels = plan.edges.flatMap((edge) => (keptVertices.has(edge.from) ? [] : channelsOf(edge, slots, request, hosts, this.#replaceable)));
    const shares = plan.vertices.map((vertex) =>
      request.restored === undefined || !isIn(region, vertex) ? [] : dealState(request.restored, vertex, plan.keyGroups),
    );
    const started = slots
      .flat()
      .filter(({ vertex }) => !keptVertices.has(vertex.id))
      .map((slot) => this.#start(slot, request.attempt, shares[slot.vertex.id]?.[slot.index] ?? {}));
    this.#handles = [...kept, ...started];
  }

  /** A successor takes the place of the one that it replaces. */
  get handles(): readonly SubtaskHandle[] {
    return this.#handles;
  }

  /** True where a successor can go on alone from what this subtask has acknowledged. */
  canReplace(handle: SubtaskHandle): boolean {
    return this.#replaceable.has(handle.vertex.id) && this.#handles.includes(handle);
  }

  /** The subtask is lost: nobody looks for its end of a channel until its successor is there. */
  withdraw(handle: SubtaskHandle): void {
    for (const { place } of this.#outputsOf(handle)) if (place.kind === 'socket') this.board.retract(place.name);
  }

  /** Starts the successor of a subtask that has closed, on the same channels. */
  replace(handle: SubtaskHandle, attempt: number, succeeds: Succession, state: CutState | undefined): SubtaskHandle {
    for (const channel of this.#outputsOf(handle)) {
      if (channel.place.kind === 'socket') channel.place = { ...channel.place, path: socketPath(channel, attempt, this.#hosts) };
    }
    const slot = this.#slots[handle.vertex.id]?.[handle.index] as Slot;
    const share = state && dealState(state, handle.vertex, this.#request.plan.keyGroups)[handle.index];
    const successor = this.#start(slot, attempt, share ?? {}, succeeds);
    this.#handles[this.#handles.indexOf(handle)] = successor;
    return successor;
  }

  /** Processes of the subtasks of a vertex, in their order; none for threads. */
  pids(vertex: JobVertex): readonly number[] {
    return this.handles.filter((handle) => handle.vertex.id === vertex.id && !handle.closed).flatMap(({ pid }) => pid ?? []);
  }

  /** Bytes that lie in each channel. */
  channelMetrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    return this.#channels.flatMap(({ edge, from, to, place }): MetricSample[] => {
      // A socket's producer counts for itself.
      if (place.kind === 'socket') return [];
      return [
        {
          name: 'millrace_channel_used_bytes',
          help: 'Bytes in a channel that its consumer has not released yet.',
          type: 'gauge',
          labels: { ...labels, channel: channelName(edge, from, to), exchange: edge.edge.exchange.kind },
          value: usedBytes(place.memory),
        },
      ];
    });
  }

  #outputsOf({ vertex, index }: SubtaskHandle): Channel[] {
    return this.#channels.filter(({ edge, from }) => edge.from === vertex.id && from === index);
  }

  #start(slot: Slot, attempt: number, share: ChainState, succeeds?: Succession): SubtaskHandle {
    const { vertex, index, doorbell } = slot;
    const request = this.#request;
    const work: SubtaskWork = {
      job: request.job,
      vertex: vertex.id,
      index,
      attempt,
      ended: [...new Set(request.kept.flatMap(({ vertex: { operators } }) => operators.map(({ uid }) => uid)))],
      inputs: this.#inputs(request.plan, slot),
      outputs: this.#outputs(request.plan, slot),
      // A copy, because the cut may be needed again.
      restored: ownState(share),
      ...(succeeds === undefined ? {} : { succeeds }),
    };
    const host = this.#hosts.start(work, { name: subtaskName(vertex, index), role: vertex.operators[0]?.role, isolation: isolationOf(vertex), doorbell });
    const handle = new SubtaskHandle(vertex, index, attempt, host, request.onMessage);
    host.done
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
        const channels = this.#channels.filter((channel) => channel.edge === edge && channel.to === index);
        // The upstream vertex has ended and was left alone: its end is all that will come.
        if (channels.length === 0) return [{ edge: edge.id, from: -1, channel: undefined }];
        return channels.map(({ from, place }) => ({ edge: edge.id, from, channel: place }));
      });
  }

  #outputs(plan: JobGraph, { vertex, index }: Slot): OutputEdge[] {
    return plan.edges
      .filter((edge) => edge.from === vertex.id)
      .map((edge) => ({
        edge: edge.id,
        targets: this.#channels.filter((channel) => channel.edge === edge && channel.from === index).map(({ place }) => place),
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

function channelsOf(
  edge: JobEdge,
  slots: readonly (readonly Slot[])[],
  { job, attempt }: DeploymentRequest,
  hosts: SubtaskHosts,
  replaceable: Replaceable,
): Channel[] {
  const { kind } = edge.edge.exchange;
  const capacityBytes = kind === 'control' ? controlRingBytes : job.options.channelBytes;
  const producerChanges = replaceable.has(edge.from);
  const consumer = replaceable.get(edge.to);
  const changes = {
    ...{ consumerChanges: consumer !== undefined, isExact: consumer?.isExact === true },
    ...{ producerChanges, isNamed: replaceable.get(edge.from)?.isExact === true && isNamed(edge) },
  };
  const channels: Channel[] = [];
  for (const producer of slots[edge.from] as readonly Slot[]) {
    for (const consumer of slots[edge.to] as readonly Slot[]) {
      if (kind === 'forward' && producer.index !== consumer.index) continue;
      const ends = { edge, from: producer.index, to: consumer.index };
      const place: ChannelPlace = [producer, consumer].every(({ vertex }) => isolationOf(vertex) === 'thread')
        ? { kind: 'ring', ...changes, memory: createRing({ capacityBytes, producerBell: producer.doorbell, consumerBell: consumer.doorbell }) }
        : {
            kind: 'socket',
            ...changes,
            name: channelName(edge, producer.index, consumer.index),
            path: socketPath(ends, attempt, hosts),
            capacityBytes,
          };
      channels.push({ ...ends, place });
    }
  }
  return channels;
}

/** Operators of one chain are isolated alike. */
function isolationOf({ operators }: JobVertex): Isolation {
  return operators[0]?.isolation ?? 'thread';
}

/** Of a deployment, or of a successor: the path of what is gone is never found. */
function socketPath({ edge, from, to }: Pick<Channel, 'edge' | 'from' | 'to'>, attempt: number, hosts: SubtaskHosts): string {
  return join(hosts.socketFolder, `${attempt}-${edge.id}-${from}-${to}`);
}

function channelName({ edge }: JobEdge, from: number, to: number): string {
  return `${edge.from}[${from}]->${edge.to}[${to}]`;
}

/** As anybody may see it, who neither reads nor writes. */
function usedBytes({ buffer }: RingMemory): number {
  const cells = new Int32Array(buffer);
  return ((Atomics.load(cells, writtenCell) - Atomics.load(cells, releasedCell)) | 0) * unitBytes;
}
