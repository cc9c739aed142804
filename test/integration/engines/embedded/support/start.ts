import { fileURLToPath } from 'node:url';
import { createEmbeddedEngine, loadJob, type EmbeddedEngineOptions } from '../../../../../src/engines/embedded/index.js';
import type { LogRecord } from '../../../../../src/core/index.js';
import type { JobSubmission, RunningJob, SubtaskReport } from '../../../../../src/stream/engine.js';
import { buildGraph } from '../../../../../src/stream/job.js';
import type { Pipeline } from './pipeline-job.js';

export interface Started {
  readonly job: RunningJob;
  readonly reports: readonly SubtaskReport[];
  readonly logs: readonly LogRecord[];
  /** Values of one channel, of all subtasks of an operator. */
  values<T>(uid: string, channel: string): T[];
  /** Resolves when `isTrue` holds, looked at after each report. */
  until(isTrue: () => boolean): Promise<void>;
}

export interface StartOptions extends Partial<Pick<JobSubmission, 'checkpoints' | 'restart' | 'restore' | 'overrides' | 'hangTimeoutMs'>> {
  readonly keyGroups?: number;
  readonly engine?: EmbeddedEngineOptions;
  readonly parallelism?: number;
}

export function startPipeline(pipeline: Pipeline, options: StartOptions = {}): Promise<Started> {
  return startJob('pipeline-job.js', { pipeline: JSON.stringify(pipeline) }, options);
}

let runs = 0;

export async function startJob(
  file: string,
  params: Readonly<Record<string, unknown>>,
  { engine, parallelism = 1, keyGroups = 128, ...more }: StartOptions = {},
): Promise<Started> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const definition = await loadJob({ path });
  const reports: SubtaskReport[] = [];
  const logs: LogRecord[] = [];
  const waiting: { readonly isTrue: () => boolean; readonly resolve: () => void }[] = [];
  const job = await createEmbeddedEngine(engine).submit({
    id: `test-${file}-${runs++}`,
    name: definition.name,
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'test' },
    params,
    parallelism,
    keyGroups,
    overrides: {},
    ...more,
    log: (record) => void logs.push(record),
    onReport: (report) => {
      reports.push(report);
      for (const waiter of waiting.filter(({ isTrue }) => isTrue())) {
        waiting.splice(waiting.indexOf(waiter), 1);
        waiter.resolve();
      }
    },
  });
  return {
    job,
    reports,
    logs,
    values: <T>(uid: string, channel: string) => reports.filter((report) => report.uid === uid && report.channel === channel).map(({ value }) => value as T),
    until: (isTrue) =>
      new Promise((resolve, reject) => {
        if (isTrue()) resolve();
        else waiting.push({ isTrue, resolve });
        job.finished.then(
          () => reject(new Error('the job finished before')),
          (error: unknown) => reject(error as Error),
        );
      }),
  };
}
