import '../library/process-memory.js';
import type { Tfjs } from './tfjs-types.js';

/** tfjs-node on this thread. Imported only now: defining a model, or a job, loads no native code. @throws SETUP_NEEDED */
export async function loadEager(): Promise<Tfjs> {
  const { loadTfjs } = await import('../eager/index.js');
  return loadTfjs();
}
