import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { CheckpointStatus } from '../../stream/engine.js';
import { toUri } from './uri.js';
import type { FlinkCheckpoint, FlinkCheckpoints } from './cluster.js';

/** Flink's checkpoints in our words. */
export function checkpointStatus({ counts, latest }: FlinkCheckpoints): CheckpointStatus {
  const last = newest(latest);
  const { failed } = latest;
  const hasFailed = failed !== null && failed.id > (last?.id ?? -1);
  return {
    completed: counts.completed,
    failed: counts.failed,
    ...(last === undefined ? {} : { last: checkpointInfo(last) }),
    ...(hasFailed ? { lastError: { code: 'CUT_FAILED', message: failed.failure_message ?? `checkpoint ${failed.id} failed` } } : {}),
  };
}

/** The newest cut that a job can be restored from. */
export function newest({ completed, savepoint }: FlinkCheckpoints['latest']): FlinkCheckpoint | undefined {
  const there = [completed, savepoint].filter(
    (it) => it !== null && it.external_path !== undefined && it.external_path !== '<checkpoint-not-externally-addressable>',
  );
  return there.sort((a, b) => (b as FlinkCheckpoint).id - (a as FlinkCheckpoint).id)[0] ?? undefined;
}

export function checkpointInfo(checkpoint: FlinkCheckpoint): CheckpointInfo {
  return {
    number: checkpoint.id,
    kind: checkpoint.is_savepoint ? 'savepoint' : 'checkpoint',
    location: toUri(checkpoint.external_path ?? ''),
    takenAtMs: checkpoint.trigger_timestamp,
    writeMs: checkpoint.end_to_end_duration,
    bytes: checkpoint.state_size,
  };
}
