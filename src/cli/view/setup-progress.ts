import pc from 'picocolors';
import type { SetupProgress } from '../../tensorflow/index.js';

/** Prints the steps of setup: on a terminal a counter that moves, in a pipe a line a step. */
export function setupProgress(err: NodeJS.WriteStream): (progress: SetupProgress) => void {
  let shownPercent = -1;
  return ({ step, state, detail, bytes, totalBytes }) => {
    if (state === 'started') {
      shownPercent = -1;
      err.write(`${pc.cyan(step.padEnd(9))} ${detail}${err.isTTY ? '' : '\n'}`);
    } else if (state === 'done') {
      err.write(err.isTTY ? `\r\u001b[K${pc.green(step.padEnd(9))} ${detail}\n` : '');
    } else if (err.isTTY && bytes !== undefined && totalBytes !== undefined) {
      const percent = Math.floor((bytes / totalBytes) * 100);
      if (percent === shownPercent) return;
      shownPercent = percent;
      err.write(`\r\u001b[K${pc.cyan(step.padEnd(9))} ${detail} ${percent}% of ${Math.round(totalBytes / 1e6)} MB`);
    }
  };
}
