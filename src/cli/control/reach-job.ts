import { MillraceError } from '../../core/index.js';
import { ControlClient, type JobControl } from './control-client.js';
import { isAttended, type JobDirectory, type JobEntry } from './directory.js';
import { FlinkControl } from './flink-control.js';

/** A running job through the process that attends to it, or a job on Flink without one through Flink. */
export function reachJob(entry: JobEntry, directory: JobDirectory): JobControl {
  if (isAttended(entry)) {
    if (entry.pid === process.pid) throw new MillraceError('INTERNAL', 'a job cannot control itself through its socket');
    return new ControlClient(entry);
  }
  if (entry.flink === undefined) throw new MillraceError('JOB_NOT_FOUND', `the process of job ${entry.name} (${entry.id}) is gone`);
  return new FlinkControl(entry, entry.flink, directory);
}
