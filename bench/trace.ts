/**
 * Traced functions against eager tfjs, Python's tf.function, and graphs that are written by hand, in one run and in turns.
 */
import type { BenchResult } from './harness.js';
import { openPythonPeer } from './python-peer.js';
import { embeddingSteps } from './trace-embedding.js';
import { layerSteps } from './trace-layers.js';
import { loading } from './trace-load.js';
import { mlpSteps } from './trace-mlp.js';
import { threadedSteps } from './trace-threads.js';

export async function run(log: (line: string) => void): Promise<BenchResult[]> {
  const python = await openPythonPeer();
  try {
    const results: BenchResult[] = [];
    for (const rows of [32, 256]) {
      log(`MLP at batch ${rows} ...`);
      results.push(...(await mlpSteps(python, rows)));
    }
    log('embedding table ...');
    results.push(...(await embeddingSteps()));
    log('convolutional and recurrent networks ...');
    results.push(...(await layerSteps(python)));
    for (const rows of [32, 256]) {
      log(`two threads at batch ${rows} ...`);
      results.push(...(await threadedSteps(rows)));
    }
    log('loading ...');
    results.push(...(await loading()));
    return results;
  } finally {
    python.close();
  }
}
