import { setFlagsFromString } from 'node:v8';

/**
 * Option of Node.js: MiB that the old generation of a thread, with the buffers that hang on it, may always come to before all of
 * it is searched for garbage.
 *
 * The main thread takes it from the command line only, so the first line of the command has it, too: each checkpoint comes through
 * there, and was a reason to search all of it.
 */
export const heapFloor = '--initial-old-space-size=256';

/**
 * Lets threads that are started from now on hold much outside a small heap.
 *
 * A thread of ours has 20 to 90 MiB of objects, and buffers of tensors, batches and state that come and go by tens of MiB a
 * second. V8 sets the next limit a little above what was left by the last collection of everything, and counts those buffers
 * towards it, though the next scavenge frees them: where that collection came at a moment without any, the limit is
 * reached again within a few of them, and the thread collects several times a second for the rest of its life, to no avail.
 * There is an option of V8 for the limit's lower bound, and none of Worker.
 */
export function raiseHeapFloor(): void {
  setFlagsFromString(heapFloor);
}
