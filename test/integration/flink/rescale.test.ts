import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { withDeadline } from '../../../src/core/index.js';
import { FlinkCluster, resolveFlinkEngineOptions, type FlinkJob } from '../../../src/engines/flink/index.js';
import type { FlinkJobDetails } from '../../../src/engines/flink/cluster.js';
import { bridgeJar } from '../../flink/bridge.js';
import { flinkTest, testedVersions } from '../../flink/flink-test.js';
import { LocalFlink } from '../../flink/local-flink.js';
import { rowCount } from './rescale-job.js';
import { RescaleRun } from './rescale-run.js';

const sourceSubtasks = 2;
const deadlineMs = 200_000;
const pollMs = 100;

const adaptive = {
  'jobmanager.scheduler': 'adaptive',
  // Names of 1.20 and of 2.x: by default, 30 s must lie between two changes.
  'jobmanager.adaptive-scheduler.scaling-interval.min': '0 ms',
  'jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling': '0 ms',
};

async function onCluster(
  options: Parameters<typeof LocalFlink.start>[0],
  submitted: Parameters<RescaleRun['submit']>[1],
  change: (run: RescaleRun, running: FlinkJob, cluster: LocalFlink) => Promise<void>,
): Promise<void> {
  const cluster = await LocalFlink.start(options);
  try {
    const run = new RescaleRun();
    const running = await run.submit(cluster, submitted);
    try {
      await withDeadline(change(run, running, cluster), { ms: deadlineMs, what: 'rescaling on Flink' });
    } finally {
      await running.cancel();
    }
    run.assertExact();
  } finally {
    await cluster.close();
  }
}

for (const version of testedVersions) {
  flinkTest(`keyed counts and windows are exact on Flink ${version} while savepoints take them from parallelism 2 to 3 to 1`, () =>
    onCluster({ version }, { reads: 22 }, async (run, running) => {
      const steps = [
        ['counts', 3],
        ['windows', 3],
        ['counts', 1],
        ['windows', 1],
      ] as const;
      for (const [start, [operator, parallelism]] of steps.entries()) {
        const gates = (start + 1) * sourceSubtasks;
        await run.until((atGate) => [...atGate.values()].reduce((sum, subtasks) => sum + subtasks, 0) >= gates, running);
        assert.ok(run.counts.rows.length < rowCount, 'rows are left to count');
        await running.scale(operator, parallelism);
      }
      await running.finished;
    }),
  );

  flinkTest(`keyed counts and windows are exact on Flink ${version} while its adaptive scheduler takes them from parallelism 2 to 3 to 1`, () =>
    onCluster({ version, configuration: adaptive }, { reads: 40, everyMs: 200 }, async (run, running, cluster) => {
      const flink = new FlinkCluster(resolveFlinkEngineOptions({ address: cluster.address, jar: await bridgeJar() }));
      const steps = [
        { from: 2, to: 3 },
        { from: 3, to: 1 },
      ];
      for (const [step, { from, to }] of steps.entries()) {
        await run.until((atGate) => [...atGate.values()].filter((subtasks) => subtasks === sourceSubtasks).length > step, running);
        assert.ok(run.counts.rows.length < rowCount, 'rows are left to count');
        const vertices = await untilRunning(flink, running.flinkId, from);
        await untilCheckpoint(flink, running.flinkId);
        await requireParallelism(cluster, running.flinkId, vertices, to);
      }
      await running.finished;
      const { vertices } = await flink.job(running.flinkId);
      const shown = running.status().operators.find(({ uid }) => uid === 'counts')?.parallelism;
      assert.deepEqual([countsOf(vertices)?.parallelism, shown], [1, 1]);
    }),
  );
}

type Vertex = FlinkJobDetails['vertices'][number];

const countsOf = (vertices: readonly Vertex[]): Vertex | undefined => vertices.find(({ name }) => name.includes('process'));

/** What REST shows is up to half a second old. */
async function untilRunning(flink: FlinkCluster, id: string, parallelism: number): Promise<readonly Vertex[]> {
  for (;;) {
    const { vertices } = await flink.job(id);
    if (countsOf(vertices)?.parallelism === parallelism) return vertices;
    await delay(pollMs);
  }
}

/** One that was begun after now. */
async function untilCheckpoint(flink: FlinkCluster, id: string): Promise<void> {
  const completed = async (): Promise<number> => (await flink.checkpoints(id)).counts.completed;
  // The next one to complete may have begun before, and others may be complete that REST does not show yet.
  for (const wanted = (await completed()) + 5; (await completed()) < wanted;) await delay(pollMs);
}

/** What `PUT /jobs/:id/resource-requirements` is for; of the operators that keep state. */
async function requireParallelism(cluster: LocalFlink, id: string, vertices: readonly Vertex[], parallelism: number): Promise<void> {
  const required = vertices.map(({ id: vertex, name, parallelism: now }) => {
    const wanted = /process|summarize/.test(name) ? parallelism : now;
    return [vertex, { parallelism: { lowerBound: wanted, upperBound: wanted } }];
  });
  const answer = await fetch(`${cluster.address}/jobs/${id}/resource-requirements`, { method: 'PUT', body: JSON.stringify(Object.fromEntries(required)) });
  assert.ok(answer.ok, await answer.text());
}
