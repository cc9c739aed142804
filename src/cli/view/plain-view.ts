import pc from 'picocolors';
import type { LogRecord } from '../../core/index.js';
import type { JobStatus } from '../../stream/engine.js';
import { formatCount, formatDuration, formatHighlights, formatOperators } from './format.js';
import { formatError } from './format-error.js';
import type { RunView, Streams } from './run-view.js';

/** Plain lines for a pipe or a log: output on stdout, everything about the run on stderr. */
export function plainView({ out, err }: Streams, now: () => number = Date.now): RunView {
  return {
    started: ({ id, name, logFile, metricsUrl, flink }) => {
      const place = flink === undefined ? '' : ` on Flink at ${flink.address} as ${flink.jobId}`;
      err(`job ${name} (${id}) started${place}; log ${logFile}${metricsUrl === undefined ? '' : `; metrics ${metricsUrl}`}\n`);
    },
    progress: (status) => err(`${progressLine(status, now())}\n`),
    output: (lines) => {
      for (const text of lines) out(`${text}\n`);
    },
    log: (record) => err(`${logLine(record)}\n`),
    notice: (message) => err(`${message}\n`),
    finished: (summary) => {
      err(`job ${summary.name} ${summary.state} after ${formatDuration(summary.durationMs)}\n`);
      for (const text of formatOperators(summary.operators, 100)) err(`${text}\n`);
    },
    failed: (error) => err(formatError(error)),
  };
}

export function logLine({ level, message, fields }: LogRecord): string {
  const color = level === 'error' ? pc.red : level === 'warn' ? pc.yellow : pc.dim;
  const more = Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return `${color(level)} ${message}${more === '' ? '' : ` ${pc.dim(more)}`}`;
}

/** What a source has read says how far the job is; what training reports says how well it goes. */
function progressLine(status: JobStatus, nowMs: number): string {
  const sources = status.operators.filter((operator) => operator.kind === 'source');
  const read = sources.reduce((sum, source) => sum + source.recordsOut, 0);
  const rate = sources.reduce((sum, source) => sum + source.recordsPerSecond, 0);
  const highlights = formatHighlights(status.operators);
  return [
    `${formatDuration(nowMs - status.startedAtMs)} ${status.state}: ${formatCount(read)} records read, ${formatCount(Math.round(rate))}/s`,
    ...highlights,
  ].join('; ');
}
