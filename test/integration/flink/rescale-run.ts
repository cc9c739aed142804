import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { createFlinkEngine, type FlinkJob } from '../../../src/engines/flink/index.js';
import { bundleJob } from '../../../src/engines/runtime/bundle.js';
import { buildGraph } from '../../../src/stream/job.js';
import { gateChannel } from '../../conformance/connectors/gated-source.js';
import { bridgeJar } from '../../flink/bridge.js';
import type { LocalFlink } from '../../flink/local-flink.js';
import job, { rowCount, rowOf, windowMs } from './rescale-job.js';

const path = fileURLToPath(new URL('rescale-job.js', import.meta.url));
const all = Array.from({ length: rowCount }, (_, n) => rowOf(n));

/** The job of rescale-job.ts on a cluster, and what came out of it. */
export class RescaleRun {
  readonly counts = new Collector<{ key: number; nth: number }>('counts');
  readonly windows = new Collector<{ key: number; windowStart: Date; rows: number; total: number }>('windows');
  /** Source subtasks that stand at the gate, by attempt. */
  readonly atGate = new Map<number, number>();
  #arrived: () => void = () => undefined;

  /** @param reads of each source subtask before its gate, in each attempt */
  async submit(cluster: LocalFlink, { reads, everyMs }: { readonly reads: number; readonly everyMs?: number }): Promise<FlinkJob> {
    return createFlinkEngine({ address: cluster.address, jar: await bridgeJar(), pollIntervalMs: 200 }).submit({
      ...{ id: 'rescale', name: job.name, graph: buildGraph(job, { reads }), params: { reads }, parallelism: 2, keyGroups: 128, overrides: {} },
      ...(everyMs === undefined ? {} : { checkpoints: { everyMs, store: undefined } }),
      bundle: await bundleJob(path),
      log: () => undefined,
      onReport: (report) => {
        this.counts.accept(report);
        this.windows.accept(report);
        if (report.channel !== gateChannel) return;
        this.atGate.set(report.attempt, (this.atGate.get(report.attempt) ?? 0) + 1);
        this.#arrived();
      },
    });
  }

  /** Until that holds of the gates, or the job has ended. */
  async until(condition: (atGate: ReadonlyMap<number, number>) => boolean, running: FlinkJob): Promise<void> {
    while (!condition(this.atGate)) {
      const arrived = new Promise<'arrived'>((resolve) => (this.#arrived = () => resolve('arrived')));
      if ((await Promise.race([arrived, running.finished])) !== 'arrived') return;
    }
  }

  assertExact(): void {
    assert.equal(this.counts.rows.length, rowCount);
    assert.deepEqual(new Set(this.counts.rows.map(({ key, nth }) => `${key}: ${nth}`)), plainCounts());
    const fired = this.windows.rows.map(({ key, windowStart, rows, total }) => `${key} from ${windowStart.getTime()}: ${rows} rows, ${total}`);
    assert.equal(fired.length, new Set(fired).size, 'each window fires once');
    assert.deepEqual(new Set(fired), plainWindows());
  }
}

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
