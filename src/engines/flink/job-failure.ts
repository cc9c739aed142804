import { MillraceError } from '../../core/errors.js';
import { FirstCause } from '../runtime/first-cause.js';
import type { FlinkCluster, FlinkException } from './cluster.js';
import { failureOf } from './flink-failure.js';

/** Why a job has failed. */
export async function jobFailure(cluster: FlinkCluster, id: string, name: string): Promise<MillraceError> {
  const text = `job ${name} failed on Flink at ${cluster.address}, which gives no reason; see the log of its JobManager`;
  return (await newestFailure(cluster, id, name)) ?? new MillraceError('FLINK', text);
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
