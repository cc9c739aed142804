import { encodeError, errorCodes } from '../../core/index.js';
import type { RunView, Streams } from './run-view.js';

/**
 * One JSON object a line on stdout, each with `event`: started, progress, output, log, notice; the last one is the
 * summary of the run (`event: 'summary'`, with `state` finished, cancelled or failed, and `error` where it failed).
 */
export function jsonView({ out }: Streams, now: () => number = Date.now): RunView {
  const line = (event: string, body: object): void => {
    out(`${JSON.stringify({ event, timeMs: now(), ...body })}\n`);
  };
  return {
    started: (info) => line('started', info),
    progress: (status) => line('progress', status),
    output: (lines) => {
      for (const text of lines) line('output', { line: text });
    },
    log: ({ timeMs, level, message, fields }) => line('log', { timeMs, level, message, fields }),
    notice: (message) => line('notice', { message }),
    finished: (summary) => line('summary', summary),
    failed: (error) => line('summary', { state: 'failed', exitCode: errorCodes[error.code].exit, error: encodeError(error) }),
  };
}
