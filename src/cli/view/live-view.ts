import { createLogUpdate } from 'log-update';
import type { JobStatus } from '../../stream/engine.js';
import { formatHeading, formatHighlights, formatOperators } from './format.js';
import { formatError } from './format-error.js';
import { logLine } from './plain-view.js';
import type { RunView } from './run-view.js';

/**
 * The view on a terminal: a table that is redrawn in place, on stderr, so that stdout keeps the job's own lines whole.
 */
export function liveView(out: NodeJS.WriteStream, err: NodeJS.WriteStream, now: () => number = Date.now): RunView {
  const update = createLogUpdate(err);
  let notice = '';
  let last: JobStatus | undefined;
  let metricsUrl: string | undefined;

  const draw = (): void => {
    if (last === undefined) return;
    const width = Math.max(60, err.columns || 100);
    const rows = Math.max(8, (err.rows || 40) - 6);
    const table = formatOperators(last.operators, width);
    const shown = table.length > rows ? [...table.slice(0, rows), `… ${table.length - rows} more operators; see millrace status`] : table;
    update(
      [formatHeading(last, now()), '', ...shown, ...withGap(formatHighlights(last.operators)), ...withGap(notice === '' ? footer(metricsUrl) : [notice])].join(
        '\n',
      ),
    );
  };
  /** Lines of others go above the table. */
  const above = (write: () => void): void => {
    update.clear();
    write();
    draw();
  };

  return {
    started: (info) => {
      metricsUrl = info.metricsUrl;
    },
    progress: (status) => {
      last = status;
      draw();
    },
    output: (lines) => above(() => out.write(`${lines.join('\n')}\n`)),
    log: (record) => above(() => err.write(`${logLine(record)}\n`)),
    notice: (message) => {
      notice = message;
      draw();
    },
    finished: (summary) => {
      notice = '';
      metricsUrl = undefined;
      last = { ...summary, startedAtMs: now() - summary.durationMs, attempt: last?.attempt ?? 0 };
      draw();
      update.done();
    },
    failed: (error) => {
      draw();
      update.done();
      err.write(formatError(error));
    },
  };
}

function withGap(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function footer(metricsUrl: string | undefined): string[] {
  return [`Ctrl-C drains and ends${metricsUrl === undefined ? '' : `; metrics ${metricsUrl}`}`];
}
