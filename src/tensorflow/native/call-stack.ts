import koffi from 'koffi';

/**
 * What native threads have on Linux. Kernels run on the stack of the call, which koffi allocates: its default for
 * asynchronous calls is 128 KiB, as much as Eigen alone may take. Pages that no call touches cost nothing.
 */
const stackBytes = 8 * 1024 * 1024;

/** Before this thread loads its first library; no other time will do. */
export function setCallStacks(): void {
  try {
    koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });
  } catch {
    // Somebody else uses koffi on this thread, and set it up for us too.
  }
}

/** Whether kernels may run on the stack of a call. */
export function haveCallStacks(): boolean {
  const { sync_stack_size: sync = 0, async_stack_size: async = 0 } = koffi.config();
  return Math.min(sync, async) >= stackBytes;
}
