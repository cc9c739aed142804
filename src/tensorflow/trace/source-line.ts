import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = dirname(dirname(fileURLToPath(import.meta.url)));

/** The line of the user's code in a stack: the first that is neither ours nor tfjs's nor Node's; undefined where there is none. */
export function sourceLine({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const match = /\(?((?:file:\/\/|\/)[^()]*?:\d+:\d+)\)?$/.exec(line);
    const place = match?.[1];
    if (place === undefined || place.includes('/node_modules/@tensorflow/')) continue;
    const path = place.startsWith('file://') ? fileURLToPath(place) : place;
    if (!path.startsWith(own)) return path;
  }
  return undefined;
}

/** ` at file:line:column`, or nothing. */
export function atSourceLine(error: Error): string {
  const line = sourceLine(error);
  return line === undefined ? '' : ` at ${line}`;
}
