import type { MessagePort } from 'node:worker_threads';
import type { DoorbellMemory } from '../../memory/doorbell.js';
import type { RingMemory } from '../../memory/ring-memory.js';
import type { PlannedJob } from '../runtime/plan-again.js';
import type { SubtaskPlacement } from '../runtime/protocol.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';

/** What a thread needs to run one subtask. Structured-clonable; `port` is transferred. */
export interface SubtaskTask extends SubtaskWork {
  /** Of this subtask. */
  readonly doorbell: DoorbellMemory;
  readonly metrics: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** What is to be done; where it holds no rings, it may go to another process. */
export interface SubtaskWork extends SubtaskPlacement {
  readonly job: JobTask;
  readonly vertex: number;
  readonly inputs: readonly InputChannel[];
  readonly outputs: readonly OutputEdge[];
  /** Where it succeeds one that failed, alone, on channels that have been used. */
  readonly succeeds?: Succession;
}

export interface Succession {
  /** Cuts up to this one are taken or aborted: their barriers mean nothing any more. */
  readonly decided: number;
  /** The last of them that this deployment knew; 0 for none. */
  readonly barrier: number;
}

/** The same for all subtasks of a job. */
export interface JobTask extends PlannedJob {
  readonly id: string;
  readonly options: ResolvedEmbeddedEngineOptions;
  /** How long a thread may be away from its event loop; undefined: for ever. */
  readonly hangTimeoutMs: number | undefined;
}

export interface InputChannel {
  /** Edge of the job graph. */
  readonly edge: number;
  /** Upstream subtask. */
  readonly from: number;
  /** undefined: the upstream subtask has ended already. */
  readonly channel: ChannelPlace | undefined;
}

export interface OutputEdge {
  readonly edge: number;
  /** In order of downstream subtask; for a forward exchange just one. */
  readonly targets: readonly ChannelPlace[];
}

/** Where a channel is: in memory that its ends share, or between processes. */
export type ChannelPlace = RingPlace | SocketPlace;

/** Whose ends may be replaced, each by a successor that attaches to the same channel. */
interface Replaceable {
  /** The consumer's: frames stay until it acknowledges them. */
  readonly consumerChanges: boolean;
  /** … and mean the same batches to its successor. */
  readonly isExact: boolean;
  readonly producerChanges: boolean;
  /** Frames carry names, so that a producer's successor leaves out what is there. */
  readonly isNamed: boolean;
}

export interface RingPlace extends Replaceable {
  readonly kind: 'ring';
  readonly memory: RingMemory;
}

export interface SocketPlace extends Replaceable {
  readonly kind: 'socket';
  /** Under which the producer says on the job's board that it listens. */
  readonly name: string;
  /** Of the producer's socket. */
  readonly path: string;
  readonly capacityBytes: number;
}
