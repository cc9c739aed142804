import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/**
 * Runs the compiled tests and ends with the line `N passed, N failed, N skipped`.
 *
 *     node dist/test/run.js [unit] [integration] [conformance] [simulation] [e2e]
 *
 * In CI a skipped test is a failure: CI has everything that a test may ask for.
 */
const kinds = ['unit', 'conformance', 'integration', 'simulation', 'e2e'] as const;
// Tests with real threads, sockets and processes have deadlines of their own; two cores serve one such file at a time.
const concurrency: Readonly<Record<(typeof kinds)[number], number>> = { unit: 2, conformance: 1, integration: 1, simulation: 1, e2e: 1 };
/** Of one file: what is left open by a failed test keeps its process alive until then. */
const fileTimeoutMs: Readonly<Record<(typeof kinds)[number], number>> = {
  unit: 4 * 60_000,
  conformance: 15 * 60_000,
  integration: 10 * 60_000,
  simulation: 10 * 60_000,
  e2e: 15 * 60_000,
};

function testFiles(kind: string): string[] {
  const root = join(import.meta.dirname, kind);
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.js'))
      .sort()
      .map((name) => join(root, name));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const asked = process.argv.slice(2);
const unknown = asked.filter((kind) => !(kinds as readonly string[]).includes(kind));
if (unknown.length > 0) {
  console.error(`unknown kind of test: ${unknown.join(', ')}; there are: ${kinds.join(', ')}`);
  process.exit(2);
}

for (const kind of kinds) {
  const files = asked.length === 0 || asked.includes(kind) ? testFiles(kind) : [];
  if (files.length === 0) continue;
  const started = performance.now();
  console.log(`\n== ${kind}: ${files.length} files`);
  const stream = run({ files, concurrency: concurrency[kind], timeout: fileTimeoutMs[kind] });
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite' || files.includes(event.name)) return;
    if (event.skip !== undefined) {
      counts.skipped++;
      console.log(`skipped: ${event.name}: ${String(event.skip)}`);
    } else counts.passed++;
  });
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') counts.failed++;
  });
  const report = new spec();
  for await (const chunk of stream.compose(report)) process.stdout.write(chunk as string);
  console.log(`== ${kind}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

const isCi = process.env.CI === 'true';
if (isCi && counts.skipped > 0) console.log('skipped tests count as failures in CI');
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 || (isCi && counts.skipped > 0) ? 1 : 0;
