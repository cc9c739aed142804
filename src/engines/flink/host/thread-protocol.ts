import type { DoorbellMemory } from '../../../memory/doorbell.js';
import type { RingMemory } from '../../../memory/ring-memory.js';

/** A subtask in one attempt of Flink; its successors in that attempt are the same place. */
export interface HostPlace {
  readonly vertex: number;
  readonly index: number;
  /** Lease epoch of the attempt: higher than that of any before. */
  readonly attempt: number;
}

/** A way out of a subtask. */
export interface WantedRing {
  readonly edge: number;
  readonly vertex: number;
  readonly index: number;
}

/** Where a subtask runs, and whom it sends records to. */
export interface PlacedSubtask {
  readonly place: HostPlace;
  /** Rung when there is room again in a ring that it writes. */
  readonly bell: DoorbellMemory;
  readonly outputs: readonly WantedRing[];
}

/** A ring between two subtasks of this host. */
export interface HostRing {
  /** Never given twice by a host. */
  readonly id: number;
  readonly memory: RingMemory;
}

/** What the host says to a thread. All but `run` is for the subtask of that socket alone; a thread may have gone on to another one. */
export type ToThread =
  /** Run the subtask for which Java listens on this socket. */
  | { readonly type: 'run'; readonly path: string }
  /** The answer to `placed`: rings that its predecessor has not read to their end. */
  | { readonly type: 'inherit'; readonly path: string; readonly rings: readonly HostRing[] }
  /** Frames will be in this ring too; answered by `reads`. */
  | { readonly type: 'read'; readonly path: string; readonly ring: HostRing }
  /** The one downstream reads this ring. */
  | { readonly type: 'write'; readonly path: string; readonly edge: number; readonly index: number; readonly ring: HostRing };

/** What a thread says. */
export type FromThread =
  /** Nothing of its subtask is left, it can run the next one. */
  | { readonly type: 'free' }
  /** Before its first record. */
  | { readonly type: 'placed'; readonly placed: PlacedSubtask }
  | { readonly type: 'reads'; readonly rings: readonly number[] };
