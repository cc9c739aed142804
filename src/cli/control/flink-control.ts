import { loadJob } from '../../engines/embedded/index.js';
import { createFlinkEngine, type FlinkJob } from '../../engines/flink/index.js';
import { withDeadline } from '../../core/index.js';
import type { CheckpointInfo } from '../../stream/checkpoint.js';
import type { JobStatus, JobSummary } from '../../stream/engine.js';
import { buildGraph } from '../../stream/index.js';
import type { JobControl } from './control-client.js';
import type { FlinkEntry, JobDirectory, JobEntry } from './directory.js';

const unreachableMs = 10_000;
const seenTimeoutMs = 30_000;
const ended: ReadonlySet<JobStatus['state']> = new Set(['finished', 'suspended', 'failed', 'cancelled']);

/** Takes hold of a job on Flink that no process attends to, for one command; what has ended leaves the directory. */
export class FlinkControl implements JobControl {
  readonly #entry: JobEntry;
  readonly #flink: FlinkEntry;
  readonly #directory: JobDirectory;

  constructor(entry: JobEntry, flink: FlinkEntry, directory: JobDirectory) {
    this.#entry = entry;
    this.#flink = flink;
    this.#directory = directory;
  }

  status(): Promise<JobStatus> {
    return this.#with((job) => Promise.resolve(job.status()));
  }

  scale(target: string, parallelism: number): Promise<void> {
    return this.#with((job) => job.scale(target, parallelism));
  }

  stop(): Promise<JobSummary> {
    return this.#with((job) => job.stop());
  }

  savepoint(target?: string): Promise<CheckpointInfo> {
    return this.#with((job) => job.savepoint(target));
  }

  suspend(target?: string): Promise<JobSummary> {
    return this.#with((job) => job.suspend(target));
  }

  cancel(): Promise<void> {
    return this.#with((job) => job.cancel());
  }

  async #with<T>(use: (job: FlinkJob) => Promise<T>): Promise<T> {
    const job = await this.#attach();
    try {
      await withDeadline(job.seen, { ms: seenTimeoutMs, what: `job ${job.name} on Flink at ${job.address}` });
      if (job.lost !== undefined) throw job.lost;
      return await use(job);
    } finally {
      await job.detach();
      // A cluster that cannot be reached may still run it.
      if (job.lost === undefined ? ended.has(job.state) : job.lost.code === 'JOB_NOT_FOUND') this.#directory.remove(this.#entry.id);
    }
  }

  /** Builds the graph again from the bundle that was submitted: the job file may have changed since. */
  async #attach(): Promise<FlinkJob> {
    const { id, name, startedAtMs } = this.#entry;
    const { options, flinkId, submission } = this.#flink;
    const { everyMs, ...rest } = submission;
    const graph = buildGraph(await loadJob(submission.bundle), submission.params);
    const engine = createFlinkEngine({ ...options, reports: false, unreachableMs });
    const job = { ...rest, id, name, graph, checkpoints: { everyMs, store: undefined }, log: () => undefined };
    return engine.attach(job, { flinkId, startedAtMs }, (next, overrides) => this.#directory.resubmitted(id, next, overrides));
  }
}
