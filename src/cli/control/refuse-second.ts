import { MillraceError } from '../../core/index.js';
import { isAttended, type JobDirectory } from './directory.js';
import { reachJob } from './reach-job.js';

/** Two jobs of one name would be one to every other command. @throws JOB_EXISTS */
export async function refuseSecond(directory: JobDirectory, name: string): Promise<void> {
  for (const entry of directory.list().filter((it) => it.name === name)) {
    const fix = `stop it with: millrace stop ${entry.id}`;
    if (isAttended(entry)) throw new MillraceError('JOB_EXISTS', `a job called '${name}' is running already (${entry.id}, process ${entry.pid}); ${fix}`);
    // One that has ended on Flink leaves the directory by being looked at.
    const { state } = await reachJob(entry, directory).status();
    if (directory.list().some(({ id }) => id === entry.id))
      throw new MillraceError('JOB_EXISTS', `a job called '${name}' is ${state} on Flink already (${entry.id}); ${fix}`);
  }
}
