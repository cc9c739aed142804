import type { MetricSample } from '../../core/metrics.js';
import type { JobState, JobStatus, JobSummary } from '../../stream/engine.js';
import { JobStatistics } from '../runtime/job-statistics.js';
import type { JobParts } from './job-parts.js';

/** What a running job shows of itself. */
export class JobReport {
  readonly #job: JobParts;
  readonly #statistics: JobStatistics;

  constructor(job: JobParts) {
    this.#job = job;
    this.#statistics = new JobStatistics(() => this.metrics());
  }

  get state(): JobState {
    const { life, regions } = this.#job;
    const goesOn = life.state === 'starting' || life.state === 'running' || life.state === 'draining';
    return goesOn && regions.isRestarting ? 'restarting' : life.state;
  }

  status(): JobStatus {
    const { submission, life, deployer, checkpoints, failures } = this.#job;
    const { lastFailure: error } = life;
    const regions = this.#job.regions.status;
    return {
      id: submission.id,
      name: submission.name,
      state: this.state,
      startedAtMs: life.startedAtMs,
      attempt: deployer.attempts,
      operators: this.#statistics.operators(deployer.plan, (vertex) => this.#job.regions.pids(vertex)),
      checkpoints: checkpoints.status,
      restarts: failures.restarts.count,
      ...(regions === undefined ? {} : { regions }),
      nodeRestarts: failures.nodes.count,
      unacknowledgedBatches: failures.nodes.unacknowledged,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const { submission, regions, checkpoints, failures } = this.#job;
    const labels = { job: submission.name };
    const { count } = failures.restarts;
    return [
      ...regions.metrics(labels),
      ...checkpoints.metrics(labels),
      { name: 'millrace_restarts_total', help: 'Restarts in place after failures.', type: 'counter', labels, value: count },
      ...failures.nodes.metrics(labels),
    ];
  }

  summary(state: JobSummary['state']): JobSummary {
    const { submission, life, deployer, checkpoints, failures } = this.#job;
    return {
      ...{ id: submission.id, name: submission.name, state, durationMs: Date.now() - life.startedAtMs },
      operators: this.#statistics.operators(deployer.plan),
      checkpoints: checkpoints.status,
      restarts: failures.restarts.count,
      nodeRestarts: failures.nodes.count,
    };
  }

  /** Counts of subtasks that are about to go. */
  keep(samples: readonly MetricSample[]): void {
    this.#statistics.keep(samples);
  }

  /** Rates stand still. */
  stop(): void {
    this.#statistics.stop(this.metrics());
  }
}
