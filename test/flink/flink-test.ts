import { test } from 'node:test';
import { withDeadline } from '../../src/core/index.js';
import { flinkVersions, missingForFlink, type FlinkVersion } from './flink-jars.js';

const missing = await missingForFlink();
const testTimeoutMs = 240_000;

/** A test that needs a Flink cluster: skipped, with the reason, where there can be none (a failure in CI, see test/run.ts). */
export function flinkTest(name: string, run: () => Promise<void>, alsoMissing?: string): void {
  void test(name, { skip: missing ?? alsoMissing ?? false }, () => withDeadline(run(), { ms: testTimeoutMs, what: name }));
}

/** Version of the clusters of the long suites: MILLRACE_TEST_FLINK, or the long-term release. */
export const testedVersion = versionToTest(process.env['MILLRACE_TEST_FLINK'] ?? '1.20.3');

function versionToTest(given: string): FlinkVersion {
  const found = flinkVersions.find((version) => version === given);
  if (found === undefined) throw new Error(`MILLRACE_TEST_FLINK is ${given}; there are ${flinkVersions.join(' and ')}`);
  return found;
}

export const hasFlink = missing === undefined;
