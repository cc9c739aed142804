import type { LogRecord, MillraceError } from '../../core/index.js';
import type { JobStatus, JobSummary } from '../../stream/engine.js';

/** Shows one run to somebody: on a terminal, in a pipe, or as JSON lines. */
export interface RunView {
  started(info: RunInfo): void;
  progress(status: JobStatus): void;
  /** What the job's console sinks print. */
  output(lines: readonly string[]): void;
  log(record: LogRecord): void;
  /** A sentence for the person who waits ('draining: ...'). */
  notice(message: string): void;
  finished(summary: JobSummary): void;
  failed(error: MillraceError): void;
}

export interface RunInfo {
  readonly id: string;
  readonly name: string;
  readonly logFile: string;
  readonly metricsUrl: string | undefined;
  /** Where the job is on Flink. */
  readonly flink?: { readonly address: string; readonly jobId: string };
}

/** Where a view writes; process.stdout and process.stderr, or a test's strings. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
