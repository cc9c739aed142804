import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { fromSystemError, type LogRecord } from '../core/index.js';
import type { RunView } from './view/run-view.js';

export interface JobLog {
  readonly path: string;
  readonly write: (record: LogRecord) => void;
  close(): void;
}

/** The log file of one run (JSON lines by pino); warnings and errors are shown to the person who waits, too. */
export function createJobLog(directory: string, name: string, id: string, view: RunView): JobLog {
  const path = join(directory, `${name}-${id}.log`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw fromSystemError(thrown, 'log directory', directory);
  }
  // Synchronous: a line must be on disk when the process is killed right after it.
  const destination = pino.destination({ dest: path, sync: true, mkdir: false });
  const logger = pino({ level: 'debug', base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } }, destination);
  return {
    path,
    write: (record) => {
      logger[record.level]({ time: new Date(record.timeMs).toISOString(), ...record.fields }, record.message);
      if (record.level === 'warn' || record.level === 'error') view.log(record);
    },
    close: () => {
      destination.flushSync();
      destination.end();
    },
  };
}
