import pc from 'picocolors';
import type { MillraceError } from '../../core/index.js';

/** An error as the command prints it: code and message, where it came from, and the stack only of foreign code. */
export function formatError(error: MillraceError): string {
  const lines = [`${pc.red(pc.bold(error.code))} ${error.message}`];
  let cause: unknown = error.cause;
  for (let depth = 0; cause instanceof Error && depth < 5; depth++, cause = cause.cause) {
    if (!error.message.includes(cause.message)) lines.push(`${pc.dim('caused by')} ${cause.message}`);
    const frames = userFrames(cause.stack);
    if (frames.length > 0) lines.push(...frames.map((frame) => pc.dim(frame)));
  }
  return `${lines.join('\n')}\n`;
}

const maxFrames = 4;

/** Frames of the user's own code: what is in node:internal or in this package tells a user nothing. */
function userFrames(stack: string | undefined): string[] {
  // Seen from dist/src/cli/view; source maps turn dist into src.
  const root = new URL('../../../..', import.meta.url).pathname;
  const own = [`${root}dist/src/`, `${root}src/`, '/node_modules/'];
  return (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('node:') && !own.some((path) => line.includes(path)))
    .slice(0, maxFrames);
}
