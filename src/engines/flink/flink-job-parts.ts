import type { JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import type { FlinkCluster } from './cluster.js';
import type { ResolvedFlinkEngineOptions } from './options.js';

/** What a job on Flink needs from who submitted it. */
export interface FlinkJobParts {
  readonly submission: JobSubmission;
  readonly plan: JobGraph;
  readonly cluster: FlinkCluster;
  readonly options: ResolvedFlinkEngineOptions;
  /** Flink's id. */
  readonly flinkId: string;
  readonly startedAtMs: number;
  /** Submits the job again, planned anew, from a savepoint that it takes over. @returns Flink's new id */
  readonly resubmit: (plan: JobGraph, overrides: Readonly<Record<string, number>>, savepoint: string) => Promise<string>;
  readonly onResubmitted: (flinkId: string, overrides: Readonly<Record<string, number>>) => void;
  /** Runs when the job has ended, before `finished` settles. */
  readonly release: () => Promise<void>;
}
