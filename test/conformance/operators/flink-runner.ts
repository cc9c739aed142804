import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../../src/core/index.js';
import { createFlinkEngine } from '../../../src/engines/flink/index.js';
import { bundleJob } from '../../../src/engines/runtime/bundle.js';
import type { JobSubmission } from '../../../src/stream/engine.js';
import { buildGraph } from '../../../src/stream/job.js';
import job, { toWire, type CaseParams } from './case-job.js';
import { Countdown, Outputs } from './case-outputs.js';
import { caseName, type Event, type OperatorCase } from './operator-case.js';
import type { RunOptions } from './operator-runner.js';
import { parallelisms, pipelineOf } from './pipeline.js';
import { gateChannel } from './replay-source.js';

const path = fileURLToPath(new URL('case-job.js', import.meta.url));
const deadlineMs = 180_000;

export interface FlinkCase {
  readonly testCase: OperatorCase;
  readonly events: readonly Event[];
  /** With a cut, as a savepoint with which the job ends; it goes on from there with the other parallelism. */
  readonly options: RunOptions & { readonly cutAt: number };
}

/**
 * Runs cases side by side in one job on Flink, because starting one costs seconds.
 *
 * @returns the outputs of each case, as of an OperatorRunner
 */
export async function runOnFlink(cluster: { readonly address: string; readonly jar: string }, list: readonly FlinkCase[]): Promise<Record<string, string[]>[]> {
  const given: CaseParams = list.map(({ testCase, events, options }) => ({
    testCase: caseName(testCase),
    path: options.path,
    gateAt: options.cutAt,
    isolation: options.isolation ?? 'thread',
    events: events.map(toWire),
  }));
  const params = { given: JSON.stringify(given) };
  const graph = buildGraph(job, params);
  const pipelines = list.map((_, i) => pipelineOf(graph, i));
  const overrides = (parallelism: (options: RunOptions) => number): Record<string, number> =>
    Object.assign({}, ...list.map(({ options }, i) => parallelisms(pipelines[i]!, parallelism(options)))) as Record<string, number>;
  const before = overrides((options) => options.parallelism);
  const outputs = list.map(({ testCase }, i) => new Outputs(i, testCase));
  const gates = new Countdown(pipelines.reduce((sum, pipeline) => sum + pipeline.sources(before), 0));
  const submission: JobSubmission = {
    ...{ id: 'operator-case', name: job.name, graph, params, overrides: before, parallelism: 1, keyGroups: 128 },
    bundle: await bundleJob(path),
    log: () => undefined,
    onReport: (report) => {
      if (report.channel === gateChannel) gates.count();
      else for (const each of outputs) each.accept(report);
    },
  };
  const options = { ...cluster, pollIntervalMs: 200, hostStartTimeoutMs: deadlineMs, slotTimeoutMs: deadlineMs };
  const running = await createFlinkEngine(options).submit(submission);
  const savepoint = await untilEnded(running, async () => {
    await Promise.race([gates.reached, running.finished]);
    return (await running.suspend()).checkpoints.last?.location;
  });
  if (savepoint === undefined) throw new Error('Flink does not say where the savepoint is');
  const restored = await createFlinkEngine({ ...options, restoreFrom: savepoint }).submit({ ...submission, overrides: overrides((given) => given.scaledTo) });
  await untilEnded(restored, () => restored.finished);
  return outputs.map((each) => each.shown());
}

async function untilEnded<T>(running: { cancel(): Promise<void> }, use: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(use(), { ms: deadlineMs, what: 'cases on Flink' });
  } finally {
    await running.cancel();
  }
}
