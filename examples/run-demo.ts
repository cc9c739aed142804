import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Runs a demo, and ends what is left of `started` when it is over, fails or is interrupted; a server removes its data then. */
export async function runDemo(demo: () => Promise<void>, started: readonly ChildProcess[]): Promise<void> {
  const endAll = async (): Promise<void> => {
    const running = started.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(ended);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void endAll().then(() => process.exit(130)));
  try {
    await demo();
  } finally {
    await endAll();
  }
}
