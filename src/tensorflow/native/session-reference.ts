import type { SessionPointers } from './session-pointers.js';
import { deletePointers } from './session-pointers.js';

/**
 * One counted reference to native pointers that threads share. The count lies in shared memory; the reference that takes
 * it to zero deletes session and graph.
 */
export interface SessionReference {
  readonly pointers: SessionPointers;
  /** Takes another reference, for a thread that the handle is sent to. */
  addReference(): SessionHandle;
  /** Gives this reference up. Call it once. */
  release(): void;
}

/**
 * A reference on its way to another thread: plain data that survives postMessage. It counts as one reference from the
 * moment it is made, so attach it exactly once.
 */
export interface SessionHandle {
  readonly pointers: SessionPointers;
  readonly memory: SharedArrayBuffer;
  /** Byte offset of the count in `memory`. */
  readonly countOffset: number;
  /** True where the count belongs to an entry of the process's registry. */
  readonly registered: boolean;
}

/** A reference with a count of its own, starting at one. */
export function ownReference(pointers: SessionPointers): SessionReference {
  return countedReference({ pointers, memory: new SharedArrayBuffer(4), countOffset: 0, registered: false }, true);
}

/** The reference of a handle that another thread has made. */
export function countedReference(handle: SessionHandle, fresh = false): SessionReference {
  const count = new Int32Array(handle.memory, handle.countOffset, 1);
  if (fresh) Atomics.store(count, 0, 1);
  return {
    pointers: handle.pointers,
    addReference: () => {
      Atomics.add(count, 0, 1);
      return handle;
    },
    release: () => {
      if (Atomics.sub(count, 0, 1) === 1) deletePointers(handle.pointers);
    },
  };
}
