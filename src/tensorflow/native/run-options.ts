import { RunOptions, RunOptions_TraceLevel } from '../saved-model/generated/tensorflow.js';
import { cApi, type Pointer } from './c-api.js';
import { haveCallStacks } from './call-stack.js';

let options: Pointer | null | undefined;

/**
 * RunOptions for a run whose operations run one after the other on the thread that makes it and waits anyway; many use
 * several threads inside. Handing operations to other threads and back costs more than most of them take. One buffer for
 * all runs, which only read it; null where this thread's calls have too small a stack.
 */
export function onCallingThread(): Pointer | null {
  if (options === undefined) {
    const bytes = RunOptions.encode({ traceLevel: RunOptions_TraceLevel.NO_TRACE, interOpThreadPool: -1 }).finish();
    options = haveCallStacks() ? cApi().newBufferFromString(bytes, bytes.byteLength) : null;
  }
  return options;
}
