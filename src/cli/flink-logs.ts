import { setTimeout } from 'node:timers/promises';
import { isMillraceError } from '../core/index.js';
import { FlinkCluster, jobHasEnded, resolveFlinkEngineOptions } from '../engines/flink/index.js';
import type { FlinkEntry } from './control/directory.js';

const pollMs = 1_000;
/** Of the bridge; what Node writes goes through it. */
const ownLine = /\bmillrace\.[a-z]/;

/**
 * Prints what Millrace has written to the logs of all TaskManagers, each line behind the name of its TaskManager. With `follow`
 * until the job has ended.
 */
export async function printFlinkLogs({ options, flinkId }: FlinkEntry, write: (text: string) => void, follow: boolean): Promise<void> {
  const cluster = new FlinkCluster(resolveFlinkEngineOptions(options));
  const printed = new Map<string, number>();
  for (;;) {
    const goesOn = follow && !(await jobHasEnded(cluster, flinkId));
    for (const taskManager of await cluster.taskManagers()) {
      const lines = await ownLines(cluster, taskManager);
      for (const line of lines.slice(printed.get(taskManager) ?? 0)) write(`${taskManager} ${line}\n`);
      printed.set(taskManager, lines.length);
    }
    if (!goesOn) return;
    await setTimeout(pollMs);
  }
}

/** A TaskManager that goes away between two calls has nothing more to say. */
async function ownLines(cluster: FlinkCluster, taskManager: string): Promise<string[]> {
  try {
    // The last line may be half a line.
    return (await cluster.taskManagerLog(taskManager))
      .split('\n')
      .slice(0, -1)
      .filter((line) => ownLine.test(line));
  } catch (thrown) {
    if (isMillraceError(thrown)) return [];
    throw thrown;
  }
}
