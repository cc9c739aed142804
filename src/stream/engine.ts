import type { LogRecord, MetricSample } from '../core/index.js';
import type { MillraceError } from '../core/errors.js';
import type { LogicalGraph } from './graph.js';

/**
 * The engine port, job side: runs a graph somewhere. The embedded engine runs it on this machine's threads; another
 * engine submits it to a cluster.
 */
export interface Engine {
  readonly name: string;
  /** Plans and starts the job. @throws GRAPH_INVALID with all problems, before anything starts */
  submit(job: JobSubmission): Promise<RunningJob>;
}

export interface JobSubmission {
  readonly id: string;
  readonly name: string;
  readonly graph: LogicalGraph;
  /** The bundled job file and its content hash; every thread loads it and builds the graph again. */
  readonly bundle: JobBundle;
  /** Resolved --set values, JSON-safe. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly parallelism: number;
  readonly keyGroups: number;
  /** Operator uid or role name -> parallelism; over `parallelism` and the graph's own. */
  readonly overrides: Readonly<Record<string, number>>;
  readonly log: (record: LogRecord) => void;
  /** Gets what subtasks hand out by SubtaskContext.report; an error it throws fails the job. */
  readonly onReport?: (report: SubtaskReport) => void;
}

/** A value that a subtask handed to the process that submitted the job. */
export interface SubtaskReport {
  readonly uid: string;
  readonly subtask: number;
  /** Restarts and redeployments before this value. */
  readonly attempt: number;
  readonly channel: string;
  readonly value: unknown;
}

export interface JobBundle {
  /** Absolute path of the bundled ESM file. */
  readonly path: string;
  readonly hash: string;
  /** The job file that it was made from, for messages. */
  readonly source?: string;
}

export type JobState = 'starting' | 'running' | 'rescaling' | 'draining' | 'finished' | 'failed' | 'cancelled';

export interface RunningJob {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** Settles when the job has ended and nothing of it runs: the summary, or the first cause of its failure. */
  readonly finished: Promise<JobSummary>;
  /** Sources stop, everything already read is processed, sinks commit. Resolves with the summary. */
  stop(): Promise<JobSummary>;
  cancel(): Promise<void>;
  /** Takes a cut in memory, redeploys with the new parallelism, goes on. @throws OPTION_INVALID, CUT_FAILED */
  scale(operatorOrRole: string, parallelism: number): Promise<void>;
  status(): JobStatus;
  /** A reading of every metric of every subtask. */
  metrics(): readonly MetricSample[];
}

export interface JobSummary {
  readonly id: string;
  readonly name: string;
  readonly state: 'finished' | 'cancelled';
  readonly durationMs: number;
  readonly operators: readonly OperatorStatus[];
}

export interface JobStatus {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  readonly startedAtMs: number;
  readonly attempt: number;
  readonly operators: readonly OperatorStatus[];
  readonly error?: { readonly code: MillraceError['code']; readonly message: string };
}

export interface OperatorStatus {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly role: string | undefined;
  readonly parallelism: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Records per second over the last few seconds. */
  readonly recordsPerSecond: number;
  /** Shares of time over the last few seconds, mean over subtasks, each 0..1. */
  readonly busy: number;
  readonly idle: number;
  readonly backpressured: number;
  /** ms; undefined before the first. */
  readonly watermark: number | undefined;
  /** Custom gauges and counters of the operator by name, summed over subtasks (gauges: mean). */
  readonly metrics: Readonly<Record<string, number>>;
}
