import type { MetricSample, MillraceError } from '../../core/index.js';
import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { CheckpointStatus, JobState, JobStatus, JobSummary } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { JobStatistics } from '../runtime/job-statistics.js';
import type { FlinkJobDetails } from './cluster.js';
import type { FlinkJobParts } from './flink-job-parts.js';
import { asDeployed, FlinkMetrics } from './flink-metrics.js';

/** Flink gathers metrics every 10 s (metrics.fetcher.update-interval): a rate over less would jump. */
const rateWindowMs = 30_000;

type Vertices = FlinkJobDetails['vertices'];

/** What is known of a job on Flink: the shape in which it runs, and what was seen of it last. */
export class JobView {
  readonly #parts: FlinkJobParts;
  readonly #metrics: FlinkMetrics;
  readonly #statistics: JobStatistics;
  #flinkId: string;
  #plan: JobGraph;
  #overrides: Readonly<Record<string, number>>;
  #rescales = 0;
  checkpoints: CheckpointStatus = { completed: 0, failed: 0 };
  /** How often Flink has restarted it. */
  restarts = 0;
  lastFailure: MillraceError | undefined;
  /** That it was suspended with. */
  savepoint: CheckpointInfo | undefined;

  constructor(parts: FlinkJobParts) {
    this.#parts = parts;
    this.#flinkId = parts.flinkId;
    this.#plan = parts.plan;
    this.#overrides = parts.submission.overrides;
    this.#metrics = new FlinkMetrics(parts.cluster, this.name);
    this.#statistics = new JobStatistics(() => this.#metrics.samples, rateWindowMs);
  }

  get name(): string {
    return this.#parts.submission.name;
  }

  /** Flink's id of the job; another one after `scale`. */
  get flinkId(): string {
    return this.#flinkId;
  }

  get plan(): JobGraph {
    return this.#plan;
  }

  get overrides(): Readonly<Record<string, number>> {
    return this.#overrides;
  }

  /** Every operator has metrics. */
  get isWhole(): boolean {
    return this.#metrics.isWhole;
  }

  /** Takes the parallelism in which Flink runs it. */
  deployed(vertices: Vertices): void {
    this.#plan = asDeployed(this.#plan, vertices);
  }

  async readMetrics(vertices: Vertices): Promise<void> {
    const wasWhole = this.#metrics.isWhole;
    await this.#metrics.read(this.#flinkId, this.#plan, vertices);
    // What was counted before the first reading is not the rate of now.
    if (!wasWhole) this.#statistics.keep([]);
  }

  /** Its subtasks end, and others follow. */
  replaced(): void {
    this.#statistics.keep(this.#metrics.samples);
  }

  /** It runs again, in another shape. */
  resubmitted(flinkId: string, plan: JobGraph, overrides: Readonly<Record<string, number>>): void {
    this.#flinkId = flinkId;
    this.#plan = plan;
    this.#overrides = overrides;
    this.#rescales++;
    this.#metrics.forget();
  }

  /** Nothing follows: rates stand still. */
  close(): void {
    this.#statistics.stop(this.#metrics.samples);
  }

  status(state: JobState): JobStatus {
    const { lastFailure: error } = this;
    return {
      ...{ id: this.#parts.submission.id, name: this.name, state, startedAtMs: this.#parts.startedAtMs },
      attempt: this.restarts + this.#rescales,
      operators: this.#statistics.operators(this.#plan),
      checkpoints: this.checkpoints,
      restarts: this.restarts,
      ...this.#nodeRestarts,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    };
  }

  metrics(): readonly MetricSample[] {
    const labels = { job: this.name };
    return [
      ...this.#metrics.samples,
      { name: 'millrace_restarts_total', help: 'Restarts after failures.', type: 'counter', labels, value: this.restarts },
      { name: 'millrace_checkpoints_total', help: 'Completed checkpoints.', type: 'counter', labels, value: this.checkpoints.completed },
    ];
  }

  summary(state: JobSummary['state']): JobSummary {
    const last = this.savepoint ?? this.checkpoints.last;
    return {
      ...{ id: this.#parts.submission.id, name: this.name, state, durationMs: Date.now() - this.#parts.startedAtMs },
      operators: this.#statistics.operators(this.#plan),
      checkpoints: { ...this.checkpoints, ...(last === undefined ? {} : { last }) },
      restarts: this.restarts,
      ...this.#nodeRestarts,
    };
  }

  get #nodeRestarts(): { readonly nodeRestarts?: number } {
    const { nodeRestarts } = this.#metrics;
    return nodeRestarts === undefined ? {} : { nodeRestarts };
  }
}
