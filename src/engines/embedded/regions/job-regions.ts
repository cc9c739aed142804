import type { MillraceError } from '../../../core/errors.js';
import type { MetricSample } from '../../../core/metrics.js';
import type { RegionStatus } from '../../../stream/engine.js';
import type { JobVertex } from '../../../stream/job-graph.js';
import type { JobAttempt } from '../job-attempt.js';
import type { SubtaskHandle } from '../subtask-handle.js';
import type { RegionRun } from './region-run.js';
import { isIn } from './regions.js';

/** All regions of a running job. */
export class JobRegions {
  constructor(readonly all: readonly RegionRun[]) {}

  get handles(): readonly SubtaskHandle[] {
    return this.all.flatMap(({ handles }) => handles);
  }

  /** Where the subtask is part of what is deployed now; undefined for one of a closed attempt. */
  of(handle: SubtaskHandle): RegionRun | undefined {
    return this.all.find(({ handles }) => handles.includes(handle));
  }

  deployedAs(attempt: JobAttempt): RegionRun | undefined {
    return this.all.find((region) => region.attempt === attempt);
  }

  get isRestarting(): boolean {
    return this.all.some(({ isRestarting }) => isRestarting);
  }

  /** Every subtask has opened, of the attempt that is deployed now. */
  get isOpen(): boolean {
    return this.all.every(({ attempt }) => attempt.isOpen);
  }

  get hasEnded(): boolean {
    return this.handles.every((handle) => handle.ended !== undefined);
  }

  /** Rejects at the first failure of what is deployed now. */
  get whenFailed(): Promise<never> {
    return Promise.race(this.all.map(({ attempt }) => attempt.whenFailed));
  }

  get whenRunning(): Promise<unknown> {
    return Promise.all(this.all.map(({ attempt }) => attempt.whenRunning));
  }

  /** What one of them has failed with, and not got over. */
  get failure(): MillraceError | undefined {
    return this.all.map(({ attempt }) => attempt.failures.cause).find((cause) => cause !== undefined);
  }

  /** Whoever waits for one of them to run goes on. */
  over(): void {
    for (const { attempt } of this.all) attempt.over();
  }

  drain(): void {
    for (const region of this.all) region.drain();
  }

  /** Of the subtasks of a vertex; see {@link Deployment.pids}. */
  pids(vertex: JobVertex): readonly number[] {
    return this.all.find(({ region }) => isIn(region, vertex))?.attempt.deployment.pids(vertex) ?? [];
  }

  /** undefined where the job is one region. */
  get status(): readonly RegionStatus[] | undefined {
    return this.all.length === 1 ? undefined : this.all.map(({ status }) => status);
  }

  metrics(labels: Readonly<Record<string, string>>): MetricSample[] {
    const restarts = this.all.map(({ name, restarts: value }): MetricSample => {
      return { name: 'millrace_region_restarts_total', help: 'Restarts of a region of the job.', type: 'counter', labels: { ...labels, region: name }, value };
    });
    return [
      ...this.handles.flatMap((handle) => handle.metrics(labels)),
      ...this.all.flatMap(({ attempt }) => attempt.deployment.channelMetrics(labels)),
      ...(this.all.length === 1 ? [] : restarts),
    ];
  }
}
