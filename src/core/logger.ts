export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Plain values beside a log line. They must survive JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go is decided by the host (a thread posts them, the command line writes them). */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line. */
  with(fields: LogFields): Logger;
}

export interface LogRecord {
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger over one function; the way each host makes its own. */
export function createLogger(write: (record: LogRecord) => void, fields: LogFields = {}, now: () => number = Date.now): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, more?: LogFields): void => {
      write({ timeMs: now(), level, message, fields: more === undefined ? fields : { ...fields, ...more } });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger(write, { ...fields, ...more }, now),
  };
}

export const silentLogger: Logger = createLogger(() => undefined);
