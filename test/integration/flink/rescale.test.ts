import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { withDeadline } from '../../../src/core/index.js';
import { createFlinkEngine } from '../../../src/engines/flink/index.js';
import { bundleJob } from '../../../src/engines/runtime/bundle.js';
import { buildGraph } from '../../../src/stream/job.js';
import { gateChannel } from '../../conformance/connectors/gated-source.js';
import { bridgeJar } from '../../flink/bridge.js';
import { flinkTest, testedVersions } from '../../flink/flink-test.js';
import { LocalFlink } from '../../flink/local-flink.js';
import job, { rowCount, rowOf, windowMs } from './rescale-job.js';

const path = fileURLToPath(new URL('rescale-job.js', import.meta.url));
const sourceSubtasks = 2;
const deadlineMs = 200_000;

const all = Array.from({ length: rowCount }, (_, n) => rowOf(n));

function plainCounts(): Set<string> {
  const counts = new Map<number, number>();
  return new Set(
    all.map(({ key }) => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return `${key}: ${counts.get(key)}`;
    }),
  );
}

function plainWindows(): Set<string> {
  const windows = new Map<string, { rows: number; total: number }>();
  for (const { key, value, at } of all) {
    const id = `${key} from ${Math.floor(at.getTime() / windowMs) * windowMs}`;
    const { rows, total } = windows.get(id) ?? { rows: 0, total: 0 };
    windows.set(id, { rows: rows + 1, total: total + value });
  }
  return new Set([...windows].map(([id, { rows, total }]) => `${id}: ${rows} rows, ${total}`));
}

for (const version of testedVersions)
  flinkTest(`keyed counts and windows are exact on Flink ${version} while savepoints take them from parallelism 2 to 3 to 1`, async () => {
    const cluster = await LocalFlink.start({ version });
    const counts = new Collector<{ key: number; nth: number }>('counts');
    const windows = new Collector<{ key: number; windowStart: Date; rows: number; total: number }>('windows');
    let atGate = 0;
    let arrived: () => void = () => undefined;
    try {
      const running = await createFlinkEngine({ address: cluster.address, jar: await bridgeJar(), pollIntervalMs: 200 }).submit({
        ...{ id: 'rescale', name: job.name, graph: buildGraph(job, {}), params: {}, parallelism: 2, keyGroups: 128, overrides: {} },
        bundle: await bundleJob(path),
        log: () => undefined,
        onReport: (report) => {
          counts.accept(report);
          windows.accept(report);
          if (report.channel !== gateChannel) return;
          atGate++;
          arrived();
        },
      });
      const untilGates = async (starts: number): Promise<void> => {
        while (atGate < starts * sourceSubtasks) await Promise.race([new Promise<void>((resolve) => (arrived = resolve)), running.finished]);
      };
      const scaled = async (): Promise<void> => {
        const steps = [
          ['counts', 3],
          ['windows', 3],
          ['counts', 1],
          ['windows', 1],
        ] as const;
        for (const [start, [operator, parallelism]] of steps.entries()) {
          await untilGates(start + 1);
          assert.ok(counts.rows.length < rowCount, 'rows are left to count');
          await running.scale(operator, parallelism);
        }
        await running.finished;
      };
      try {
        await withDeadline(scaled(), { ms: deadlineMs, what: 'rescaling on Flink' });
      } finally {
        await running.cancel();
      }
    } finally {
      await cluster.close();
    }
    assert.equal(counts.rows.length, rowCount);
    assert.deepEqual(new Set(counts.rows.map(({ key, nth }) => `${key}: ${nth}`)), plainCounts());
    const fired = windows.rows.map(({ key, windowStart, rows, total }) => `${key} from ${windowStart.getTime()}: ${rows} rows, ${total}`);
    assert.equal(fired.length, new Set(fired).size, 'each window fires once');
    assert.deepEqual(new Set(fired), plainWindows());
  });
