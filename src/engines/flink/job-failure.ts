import { MillraceError } from '../../core/errors.js';
import { FirstCause } from '../runtime/first-cause.js';
import type { FlinkCluster, FlinkException } from './cluster.js';
import { failureOf, isWithoutSlots } from './flink-failure.js';
import { noSlots, type WaitingJob } from './no-slots.js';

/** Why a job has failed. */
export async function jobFailure(cluster: FlinkCluster, job: WaitingJob): Promise<MillraceError> {
  const { flinkId, name } = job;
  const text = `job ${name} failed on Flink at ${cluster.address}, which gives no reason; see the log of its JobManager`;
  const failure = (await newestFailure(cluster, flinkId, name)) ?? new MillraceError('FLINK', text);
  if (!isWithoutSlots(failure)) return failure;
  // Flink does not say how many; who has left the cluster meanwhile cannot be asked.
  return noSlots(cluster, job, 'got no slots').catch(() => failure);
}

/** The first cause of a job's newest failure: of all that failed at once, the one that the others followed from. undefined where Flink knows of none. */
export async function newestFailure(cluster: FlinkCluster, id: string, name: string): Promise<MillraceError | undefined> {
  const [newest] = await cluster.exceptions(id);
  return newest && firstOf([newest, ...(newest.concurrentExceptions ?? [])], name);
}

export function firstOf(exceptions: readonly FlinkException[], name: string): MillraceError {
  const causes = new FirstCause();
  for (const { stacktrace, timestamp, taskName } of exceptions) causes.add(failureOf(stacktrace, taskName ?? `job ${name}`), timestamp);
  return causes.cause as MillraceError;
}
