import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { isAlive } from '../../../src/core/is-alive.js';
import { flinkVersions } from '../../flink/flink-jars.js';
import { flinkTest } from '../../flink/flink-test.js';
import { LocalFlink } from '../../flink/local-flink.js';

async function overview(cluster: LocalFlink): Promise<Record<string, unknown>> {
  return (await (await fetch(`${cluster.address}/overview`)).json()) as Record<string, unknown>;
}

for (const version of flinkVersions)
  flinkTest(`Flink ${version} shows its slots, loses one TaskManager to kill -9, gets another, and leaves no process and no file`, async () => {
    const cluster = await LocalFlink.start({ version, taskManagers: 2, slots: 3, configuration: { 'heartbeat.timeout': '4000' } });
    try {
      const shown = await overview(cluster);
      assert.equal(shown['flink-version'], version);
      assert.equal(shown['slots-total'], 6);
      assert.equal(cluster.pids.length, 3);
      await cluster.killTaskManager(1);
      await cluster.untilSlots(3);
      await cluster.startTaskManager(1);
      await cluster.untilSlots(6);
      const { pids } = cluster;
      await cluster.stop();
      assert.deepEqual(
        pids.filter((pid) => isAlive(pid)),
        [],
      );
    } finally {
      await cluster.close();
    }
    assert.equal(existsSync(cluster.folder), false);
  });

flinkTest('with high availability a JobManager that was killed has a successor that finds the same TaskManagers', async () => {
  const cluster = await LocalFlink.start({ highAvailability: true, slots: 2 });
  try {
    await cluster.killJobManager();
    await cluster.startJobManager();
    await cluster.untilSlots(2);
  } finally {
    await cluster.close();
  }
  assert.deepEqual(cluster.pids, []);
});
