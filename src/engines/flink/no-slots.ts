import { MillraceError } from '../../core/errors.js';
import type { FlinkCluster, FlinkJobDetails } from './cluster.js';

/** What waits for slots. */
export interface WaitingJob {
  readonly flinkId: string;
  readonly name: string;
  readonly vertices: FlinkJobDetails['vertices'];
}

/**
 * Why a job did not get its slots: how many it needs, and how many the cluster has for it.
 *
 * @param what happened to it, as in `got no slots`
 */
export async function noSlots(cluster: FlinkCluster, { flinkId, name, vertices }: WaitingJob, what: string): Promise<MillraceError> {
  const { total, free, taskManagers } = await cluster.slots(flinkId);
  // One slot takes a subtask of each vertex.
  const needed = vertices.reduce((most, { parallelism }) => Math.max(most, parallelism), 0);
  return new MillraceError(
    'RESOURCE_EXHAUSTED',
    `job ${name} ${what} on Flink at ${cluster.address}: it needs ${needed}, and ${free} of ${total} are free on ${taskManagers} TaskManagers; ` +
      'add TaskManagers or slots (taskmanager.numberOfTaskSlots), end another job, or lower the parallelism',
    { details: { needed, free, total } },
  );
}
