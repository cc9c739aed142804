import type { JobGraph } from '../../stream/job-graph.js';
import type { ResolvedRestartStrategy } from '../../stream/restart-options.js';
import type { FlinkCheckpoints, FlinkPlanSettings } from './plan.js';

/** Flink's options for a job; all of these keys are the same in Flink 1.20 and 2.x. */
export function flinkConfiguration({ keyGroups }: Pick<JobGraph, 'keyGroups'>, settings: FlinkPlanSettings): Readonly<Record<string, string>> {
  return {
    'pipeline.name': settings.job.name,
    'pipeline.max-parallelism': String(keyGroups),
    'execution.runtime-mode': 'STREAMING',
    // A frame goes from Node to Node as it is: nobody changes it, so it need not be copied between chained operators.
    'pipeline.object-reuse': 'true',
    // A vertex without inputs is an idle source of Flink, chained to the operator that talks to Node.
    'pipeline.operator-chaining.enabled': 'true',
    // Records are whole batches, gathered before they get here.
    'execution.buffer-timeout.interval': '0 ms',
    // Flink holds no state of its own for us; what there is lies in raw state.
    'state.backend.type': 'hashmap',
    'state.changelog.enabled': 'false',
    ...checkpointing(settings.checkpoints),
    ...(settings.restart === undefined ? {} : restarting(settings.restart.otherwise)),
    ...settings.configuration,
  };
}

function checkpointing(checkpoints: FlinkCheckpoints | undefined): Readonly<Record<string, string>> {
  const { everyMs, timeoutMs, retain, directory } = checkpoints ?? {};
  return {
    'execution.checkpointing.mode': 'EXACTLY_ONCE',
    // Frames are for subtasks, not for key groups, and the rule of the cut for parameter servers needs alignment.
    'execution.checkpointing.unaligned.enabled': 'false',
    'execution.checkpointing.max-concurrent-checkpoints': '1',
    // Sinks commit what was written last on the checkpoint after the end.
    'execution.checkpointing.checkpoints-after-tasks-finish': 'true',
    // A checkpoint that fails is counted and shown; the job goes on.
    'execution.checkpointing.tolerable-failed-checkpoints': String(2 ** 31 - 1),
    'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
    ...(everyMs === undefined ? {} : { 'execution.checkpointing.interval': ms(everyMs) }),
    ...(timeoutMs === undefined ? {} : { 'execution.checkpointing.timeout': ms(timeoutMs) }),
    ...(retain === undefined ? {} : { 'execution.checkpointing.num-retained': String(retain) }),
    ...(directory === undefined ? {} : { 'execution.checkpointing.dir': directory }),
  };
}

/** Flink refuses waits of 0 ms and a factor of 1 where waits grow. */
const leastFactor = 1.0001;

function restarting(restart: ResolvedRestartStrategy): Readonly<Record<string, string>> {
  switch (restart.strategy) {
    case 'none':
      return { 'restart-strategy.type': 'none' };
    case 'fixedDelay':
      return {
        'restart-strategy.type': 'fixed-delay',
        'restart-strategy.fixed-delay.attempts': String(restart.attempts),
        'restart-strategy.fixed-delay.delay': ms(restart.delay),
      };
    case 'exponentialBackoff': {
      const first = Math.max(restart.initialDelay, 1);
      return {
        'restart-strategy.type': 'exponential-delay',
        'restart-strategy.exponential-delay.initial-backoff': ms(first),
        'restart-strategy.exponential-delay.max-backoff': ms(Math.max(restart.maxDelay, first)),
        'restart-strategy.exponential-delay.backoff-multiplier': String(Math.max(restart.factor, leastFactor)),
        'restart-strategy.exponential-delay.reset-backoff-threshold': ms(Math.max(restart.resetAfter, 1)),
        'restart-strategy.exponential-delay.attempts-before-reset-backoff': String(restart.attempts),
        'restart-strategy.exponential-delay.jitter-factor': '0',
      };
    }
    case 'failureRate':
      return {
        'restart-strategy.type': 'failure-rate',
        'restart-strategy.failure-rate.max-failures-per-interval': String(restart.failures),
        'restart-strategy.failure-rate.failure-rate-interval': ms(restart.per),
        'restart-strategy.failure-rate.delay': ms(restart.delay),
      };
  }
}

/** Flink's durations are whole milliseconds. */
function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
