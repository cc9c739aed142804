import { MillraceError } from '../../core/errors.js';
import type { JobGraph } from '../../stream/job-graph.js';
import type { FlinkJobDetails } from './cluster.js';
import type { FlinkJobParts } from './flink-job-parts.js';
import { allRun, hasEnded } from './job-state.js';
import type { JobView } from './job-view.js';
import { pause } from './pause.js';
import type { Savepoints } from './savepoints.js';

export interface Rescale {
  readonly parts: FlinkJobParts;
  readonly view: JobView;
  readonly savepoints: Savepoints;
  readonly plan: JobGraph;
  readonly overrides: Readonly<Record<string, number>>;
  /** It is stopped and cannot be run again. */
  readonly failed: (error: MillraceError) => Promise<void>;
}

/** Stops a job with a savepoint and runs it again from there, in another shape: a new job for Flink. Resolves when all of it runs. */
export async function rescale({ parts, view, savepoints, plan, overrides, failed }: Rescale): Promise<void> {
  const { options } = parts;
  const savepoint = await savepoints.stop(view.flinkId, { drain: false });
  await until(parts, view, ({ state }) => hasEnded(state), {
    ms: options.cancelTimeoutMs,
    late: `job ${view.name}: its stop on Flink did not end within ${options.cancelTimeoutMs} ms`,
  });
  view.replaced();
  let flinkId: string;
  try {
    flinkId = await parts.resubmit(plan, overrides, savepoint);
  } catch (thrown) {
    const cause = MillraceError.from(thrown);
    const text = `${cause.message}; job ${view.name} is stopped, its state is in ${savepoint}: go on with --restore ${savepoint}`;
    await failed(new MillraceError(cause.code, text, { cause }));
    throw thrown;
  }
  view.resubmitted(flinkId, plan, overrides);
  parts.onResubmitted(flinkId, overrides);
  await until(parts, view, ({ state, vertices }) => hasEnded(state) || (state === 'RUNNING' && allRun(vertices)), {
    ms: options.submitTimeoutMs + options.slotTimeoutMs,
    late: `job ${view.name}: not all of its subtasks run again on Flink; see millrace logs ${parts.submission.id}`,
  });
}

async function until(
  { cluster, options }: FlinkJobParts,
  { flinkId }: JobView,
  isSo: (details: FlinkJobDetails) => boolean,
  { ms, late }: { readonly ms: number; readonly late: string },
): Promise<void> {
  for (const deadline = Date.now() + ms; !isSo(await cluster.job(flinkId)); await pause(options.pollIntervalMs / 5))
    if (Date.now() > deadline) throw new MillraceError('DEADLINE_EXCEEDED', late);
}
