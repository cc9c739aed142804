import { test } from 'node:test';
import { withDeadline } from '../../src/core/index.js';
import { missingForKafka } from './kafka-jars.js';

const missing = await missingForKafka();
const testTimeoutMs = 240_000;

/** A test that needs a broker: skipped, with the reason, where there can be none (a failure in CI, see test/run.ts). */
export function kafkaTest(name: string, run: () => Promise<void>, alsoMissing?: string): void {
  void test(name, { skip: missing ?? alsoMissing ?? false }, () => withDeadline(run(), { ms: testTimeoutMs, what: name }));
}

export const hasKafka = missing === undefined;
