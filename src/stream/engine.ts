import type { LogRecord, MetricSample } from '../core/index.js';
import type { MillraceError } from '../core/errors.js';
import type { CheckpointInfo, CheckpointStore, JobCut } from './checkpoint.js';
import type { LogicalGraph } from './graph.js';
import type { RestartSettings } from './restart-options.js';

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
  /** Absent: cuts are taken for `scale` only, and stay in memory. */
  readonly checkpoints?: CheckpointSettings;
  /** The checkpoint to start from, and whether state that fits nothing may be left out. */
  readonly restore?: { readonly from: JobCut & { readonly location: string }; readonly allowDroppedState: boolean };
  /** Default: nothing restarts. */
  readonly restart?: RestartSettings;
  /** How long the thread of a subtask may be away from its event loop before it is ended by force, ms. Default: for ever. */
  readonly hangTimeoutMs?: number | undefined;
  readonly log: (record: LogRecord) => void;
  /** Gets what subtasks hand out by SubtaskContext.report; an error it throws fails the job. */
  readonly onReport?: (report: SubtaskReport) => void;
}

export interface CheckpointSettings {
  /** From the start of a checkpoint to the start of the next, ms; undefined: on demand only. */
  readonly everyMs: number | undefined;
  /** Without one, cuts stay in memory: enough to restart in place. */
  readonly store: CheckpointStore | undefined;
  /** Highest number of a cut that the store has: counting goes on from there. Default 0. */
  readonly after?: number;
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

export type JobState = 'starting' | 'running' | 'rescaling' | 'restarting' | 'draining' | 'finished' | 'suspended' | 'failed' | 'cancelled';

export interface RunningJob {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
  /** Settles when the job has ended and nothing of it runs: the summary, or the first cause of its failure. */
  readonly finished: Promise<JobSummary>;
  /** Sources stop, everything already read is processed, sinks commit. Resolves with the summary. */
  stop(): Promise<JobSummary>;
  /**
   * Takes a savepoint and ends the job without draining it: windows stay open, and a run that restores goes on as if nothing
   * had happened. @throws CUT_FAILED and what the store throws; the job goes on then
   */
  suspend(target?: string): Promise<JobSummary>;
  /** Takes a savepoint while the job goes on. @throws CUT_FAILED, UNSUPPORTED without a store, and what the store throws */
  savepoint(target?: string): Promise<CheckpointInfo>;
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
  readonly state: 'finished' | 'suspended' | 'cancelled';
  readonly durationMs: number;
  readonly operators: readonly OperatorStatus[];
  readonly checkpoints: CheckpointStatus;
  /** Restarts in place after failures, of the whole job or of a region of it. */
  readonly restarts: number;
  /** Nodes that were replaced alone after a failure; absent where an engine replaces none. */
  readonly nodeRestarts?: number;
}

export interface CheckpointStatus {
  /** Durable cuts of this run. */
  readonly completed: number;
  readonly failed: number;
  readonly last?: CheckpointInfo;
  /** Why the newest attempt failed; absent where it did not. */
  readonly lastError?: { readonly code: MillraceError['code']; readonly message: string };
}

export interface JobStatus {
  readonly id: string;
  readonly name: string;
  /** 'restarting' as long as one of its regions does. */
  readonly state: JobState;
  readonly startedAtMs: number;
  readonly attempt: number;
  readonly operators: readonly OperatorStatus[];
  readonly checkpoints: CheckpointStatus;
  /** Restarts in place after failures, of the whole job or of a region of it; `error` is what the last of them was for, or why the job failed. */
  readonly restarts: number;
  /** Parts of the job that restart apart from each other; absent where it is one region, and where an engine does not tell. */
  readonly regions?: readonly RegionStatus[];
  /** Nodes that were replaced alone; absent where an engine replaces none. */
  readonly nodeRestarts?: number;
  /**
   * Batches that failed nodes had read and not acknowledged, as far as is known. Their successors were given them again; where a
   * role has the scope 'node', some of them, or of what they led to, may have been lost or have counted twice.
   */
  readonly unacknowledgedBatches?: number;
  readonly error?: { readonly code: MillraceError['code']; readonly message: string };
}

/** A connected part of a job's graph: a failure in it takes it back to the last cut, while the other regions run on. */
export interface RegionStatus {
  /** Uid of its first operator. */
  readonly name: string;
  /** Uids. */
  readonly operators: readonly string[];
  readonly state: 'starting' | 'running' | 'restarting';
  /** Those of the whole job, too. */
  readonly restarts: number;
  /** What the last restart was for. */
  readonly error?: { readonly code: MillraceError['code']; readonly message: string };
}

export interface OperatorStatus {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly role: string | undefined;
  readonly parallelism: number;
  /** Processes of its subtasks, in their order; absent where they are threads of the job's process. */
  readonly pids?: readonly number[];
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
