import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../../src/core/index.js';
import type { Engine, RunningJob } from '../../../src/stream/engine.js';
import { buildGraph } from '../../../src/stream/job.js';
import job, { toWire, type CaseParams } from './case-job.js';
import { Countdown, Outputs } from './case-outputs.js';
import { caseName } from './operator-case.js';
import type { OperatorRunner, RunOptions } from './operator-runner.js';
import { parallelisms, pipelineOf, subjectOf, type Pipeline } from './pipeline.js';
import { gateChannel } from './replay-source.js';

const path = fileURLToPath(new URL('case-job.js', import.meta.url));
const deadlineMs = 30_000;

/** Runs each case as a job of its own on an engine. The cut is a `scale` while the sources stand at a gate. */
export function engineRunner(engine: Engine): OperatorRunner {
  return {
    name: `${engine.name} engine`,
    async run(testCase, events, options) {
      const given: CaseParams[number] = {
        testCase: caseName(testCase),
        path: options.path,
        gateAt: options.cutAt ?? null,
        isolation: options.isolation ?? 'thread',
        events: events.map(toWire),
      };
      const params = { given: JSON.stringify([given] satisfies CaseParams) };
      const graph = buildGraph(job, params);
      const outputs = new Outputs(0, testCase);
      const pipeline = pipelineOf(graph, 0);
      const overrides = parallelisms(pipeline, options.parallelism);
      const gates = new Countdown(pipeline.sources(overrides));
      const running = await engine.submit({
        ...{ id: 'operator-case', name: job.name, graph, params, overrides, parallelism: 1, keyGroups: 128 },
        bundle: { path, hash: 'operator-case' },
        log: () => undefined,
        onReport: (report) => {
          if (report.channel === gateChannel) gates.count();
          else outputs.accept(report);
        },
      });
      if (options.isolation === 'process' && !running.status().operators.some(({ pids = [] }) => pids.length === options.parallelism))
        throw new Error('no operator runs in processes');
      try {
        await withDeadline(ended(running, pipeline, gates, options), { ms: deadlineMs, what: caseName(testCase) });
      } finally {
        await running.cancel();
      }
      return outputs.shown();
    },
  };
}

async function ended(running: RunningJob, pipeline: Pipeline, gates: Countdown, { cutAt, scaledTo }: RunOptions): Promise<void> {
  if (cutAt !== undefined) {
    await Promise.race([gates.reached, running.finished]);
    await running.scale(subjectOf(pipeline), scaledTo);
  }
  await running.finished;
}
