import { after, before, describe, test } from 'node:test';
import { withDeadline } from '../../src/core/index.js';
import { flinkVersions, missingForFlink, type FlinkVersion } from './flink-jars.js';
import { LocalFlink, type LocalFlinkOptions } from './local-flink.js';

const missing = await missingForFlink();
const testTimeoutMs = 240_000;

/** A test that needs a Flink cluster: skipped, with the reason, where there can be none (a failure in CI, see test/run.ts). */
export function flinkTest(name: string, run: () => Promise<void>, alsoMissing?: string): void {
  void test(name, { skip: missing ?? alsoMissing ?? false }, () => withDeadline(run(), { ms: testTimeoutMs, what: name }));
}

/** Versions on whose clusters the conformance suites run: the one of MILLRACE_TEST_FLINK, or all. */
export const testedVersions: readonly FlinkVersion[] = chosenVersions(process.env['MILLRACE_TEST_FLINK']);

function chosenVersions(given: string | undefined): readonly FlinkVersion[] {
  if (given === undefined) return flinkVersions;
  const found = flinkVersions.find((version) => version === given);
  if (found === undefined) throw new Error(`MILLRACE_TEST_FLINK is ${given}; there are ${flinkVersions.join(' and ')}`);
  return [found];
}

/** A suite for each of {@link testedVersions}, with a cluster of its own, one after the other. */
export function flinkSuites(options: Omit<LocalFlinkOptions, 'version'>, tests: (version: FlinkVersion, cluster: () => LocalFlink) => void): void {
  for (const version of testedVersions) {
    void describe(`Flink ${version}`, () => {
      let cluster: LocalFlink;
      before(async () => {
        if (hasFlink) cluster = await LocalFlink.start({ ...options, version });
      });
      after(() => cluster?.close());
      tests(version, () => cluster);
    });
  }
}

export const hasFlink = missing === undefined;
