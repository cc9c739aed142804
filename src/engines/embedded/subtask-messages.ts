import { decodeError, MillraceError } from '../../core/index.js';
import type { JobSubmission } from '../../stream/engine.js';
import type { FromSubtask } from '../runtime/protocol.js';
import type { Checkpointing } from './checkpointing.js';
import type { JobRegions } from './regions/job-regions.js';
import type { RegionRun } from './regions/region-run.js';
import type { SubtaskHandle } from './subtask-handle.js';

/** Who listens to the subtasks of a job. */
export interface MessageListener {
  readonly submission: Pick<JobSubmission, 'name' | 'log' | 'onReport'>;
  readonly checkpoints: Checkpointing;
  regions(): JobRegions;
  /** True of a node that is being replaced. */
  isLeaving(handle: SubtaskHandle): boolean;
  /** All of a region runs. */
  opened(region: RegionRun): void;
  ended(): void;
  failed(region: RegionRun, handle: SubtaskHandle, error: MillraceError, atMs: number): void;
  /** Nobody's own failure. */
  jobFailed(error: MillraceError): void;
}

/** Hands what a subtask says to who it is for. */
export function receive(to: MessageListener, handle: SubtaskHandle, message: FromSubtask): void {
  if (message.type === 'log') to.submission.log(message.record);
  else if (message.type === 'report') report(to, handle, message);
  else {
    // What a closed attempt still says is not about this one.
    const region = to.regions().of(handle);
    if (region !== undefined && !to.isLeaving(handle)) heard(to, region, handle, message);
  }
}

function heard(to: MessageListener, region: RegionRun, handle: SubtaskHandle, message: Exclude<FromSubtask, { type: 'log' | 'report' }>): void {
  const { attempt } = region;
  switch (message.type) {
    case 'running':
      if (attempt.opened(handle)) to.opened(region);
      return;
    case 'snapshot':
      to.checkpoints.answered(handle, message.cut, message.state);
      return;
    case 'declined':
      to.checkpoints.declined(message.cut, message.error);
      return;
    case 'ended':
      handle.ended = message.state;
      to.checkpoints.ended();
      to.ended();
      return;
    case 'failed':
      to.failed(region, handle, decodeError(message.error), message.atMs);
      return;
    case 'publish':
      attempt.deployment.board.publish(message.key, message.value);
      return;
    case 'lookup':
      attempt.deployment.board.lookup(message.key, (value) => handle.post({ type: 'found', request: message.request, value }));
      return;
    case 'closed':
    case 'metric':
  }
}

function report(to: MessageListener, handle: SubtaskHandle, { uid, channel, value }: Extract<FromSubtask, { type: 'report' }>): void {
  const { name, onReport } = to.submission;
  try {
    onReport?.({ uid, subtask: handle.index, attempt: handle.attempt, channel, value });
  } catch (thrown) {
    to.jobFailed(MillraceError.from(thrown, 'USER_FUNCTION', `onReport of job ${name}`));
  }
}
