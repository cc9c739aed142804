import { fileURLToPath } from 'node:url';
import { encodeError, type LogRecord } from '../../../../src/core/index.js';
import { createEmbeddedEngine, loadJob } from '../../../../src/engines/embedded/index.js';
import { buildGraph } from '../../../../src/stream/job.js';

/**
 * node run-job.js <job file beside this one> <params as JSON>: runs the job, prints how it ended as one line of JSON, and
 * then does nothing more: the process ends by itself where the job left nothing open.
 */
const [file, params] = process.argv.slice(2) as [string, string];
const path = fileURLToPath(new URL(file, import.meta.url));
const values = JSON.parse(params) as Record<string, unknown>;
const startedAtMs = Date.now();
const logs: LogRecord[] = [];
let error: unknown;
try {
  const definition = await loadJob({ path });
  const job = await createEmbeddedEngine().submit({
    id: `test-${file}`,
    name: definition.name,
    graph: buildGraph(definition, values),
    bundle: { path, hash: 'test' },
    params: values,
    parallelism: 1,
    keyGroups: 128,
    overrides: {},
    log: (record) => void logs.push(record),
    onReport: () => undefined,
  });
  await job.finished;
} catch (thrown) {
  error = encodeError(thrown);
}
// One line at the end, so that a reader knows that nothing was printed by anybody else.
process.stdout.write(`${JSON.stringify({ error, durationMs: Date.now() - startedAtMs, errorLogs: logs.filter(({ level }) => level === 'error') })}\n`);
