import type { JobState } from '../../stream/engine.js';
import { isMillraceError } from '../../core/errors.js';
import type { FlinkCluster, FlinkJobDetails, FlinkJobState } from './cluster.js';

/** A job in one of these will never be in another one. */
const ends: ReadonlySet<FlinkJobState> = new Set(['FINISHED', 'CANCELED', 'FAILED']);

export function hasEnded(state: FlinkJobState): boolean {
  return ends.has(state);
}

/**
 * What Flink says of a job in our words. Flink calls a job running as soon as it looks for slots; for us it runs when all its
 * subtasks have.
 */
export function jobState({ state, vertices }: Pick<FlinkJobDetails, 'state' | 'vertices'>, hasRun: boolean): JobState {
  switch (state) {
    case 'INITIALIZING':
    case 'CREATED':
    case 'RECONCILING':
      return hasRun ? 'restarting' : 'starting';
    case 'RUNNING':
      return allRun(vertices) ? 'running' : hasRun ? 'restarting' : 'starting';
    case 'FAILING':
    case 'RESTARTING':
    case 'SUSPENDED':
      return 'restarting';
    case 'CANCELLING':
    case 'CANCELED':
      return 'cancelled';
    case 'FINISHED':
      return 'finished';
    case 'FAILED':
      return 'failed';
  }
}

/** Every subtask runs, or has finished its part. */
export function allRun(vertices: FlinkJobDetails['vertices']): boolean {
  return vertices.every(({ parallelism, tasks }) => (tasks['RUNNING'] ?? 0) + (tasks['FINISHED'] ?? 0) === parallelism);
}

/** Subtasks that wait for a slot. */
export function waiting(vertices: FlinkJobDetails['vertices']): number {
  return vertices.reduce((sum, { tasks }) => sum + (tasks['SCHEDULED'] ?? 0) + (tasks['CREATED'] ?? 0), 0);
}

/** Whether a job runs no more; one that the cluster has forgotten does not. */
export async function jobHasEnded(cluster: FlinkCluster, id: string): Promise<boolean> {
  try {
    return hasEnded((await cluster.job(id)).state);
  } catch (thrown) {
    if (isMillraceError(thrown) && thrown.code === 'JOB_NOT_FOUND') return true;
    throw thrown;
  }
}
