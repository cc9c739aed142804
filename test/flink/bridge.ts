import { findBridgeJar } from '../../src/engines/flink/index.js';
import { readEnvironment } from '../../src/cli/environment.js';

/** The bridge as `millrace setup` has built it. */
export function bridgeJar(): Promise<string> {
  return findBridgeJar(readEnvironment().cacheDir);
}
