import type { Logger } from '../../core/index.js';

const processWarnings: Pick<Logger, 'warn'> = {
  warn: (message) => {
    process.emitWarning(message, 'MillraceWarning');
  },
};

/** A place for warnings that says each one once. */
export function warnOnce(log: Pick<Logger, 'warn'> = processWarnings): (message: string) => void {
  const said = new Set<string>();
  return (message) => {
    if (said.has(message)) return;
    said.add(message);
    log.warn(message);
  };
}
