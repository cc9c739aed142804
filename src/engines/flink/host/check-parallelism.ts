import { MillraceError } from '../../../core/index.js';
import type { JobVertex } from '../../../stream/job-graph.js';

/**
 * Refuses more subtasks than an operator may have: the plan of a job keeps the limit, but Flink's adaptive scheduler does not know it.
 *
 * @throws OPTION_INVALID
 */
export function checkParallelism({ name, operators }: Pick<JobVertex, 'name' | 'operators'>, parallelism: number): void {
  const limit = Math.min(...operators.map(({ maxParallelism }) => maxParallelism ?? Infinity));
  if (parallelism <= limit) return;
  throw new MillraceError(
    'OPTION_INVALID',
    `${name} runs in parallelism ${limit} at most, Flink runs ${parallelism} of it; ` +
      `give its vertex an upperBound of ${limit} in the job's resource requirements, and do not use the reactive mode`,
    { details: { parallelism, limit } },
  );
}
