import { MillraceError } from '../../core/errors.js';
import { newest } from './checkpoint-status.js';
import type { FlinkCluster } from './cluster.js';
import { toUri } from './uri.js';

/**
 * Where to restore from: a path as given, or for 'latest' the newest cut of the newest job of that name that the cluster
 * remembers.
 *
 * @throws CHECKPOINT_NOT_FOUND
 */
export async function restorePath(cluster: FlinkCluster, from: string | undefined, name: string): Promise<string | undefined> {
  if (from !== 'latest') return from === undefined ? undefined : toUri(from);
  const jobs = (await cluster.jobs()).filter((job) => job.name === name).sort((a, b) => b['start-time'] - a['start-time']);
  for (const { jid } of jobs) {
    const path = newest((await cluster.checkpoints(jid)).latest)?.external_path;
    if (path !== undefined) return path;
  }
  throw new MillraceError(
    'CHECKPOINT_NOT_FOUND',
    `Flink at ${cluster.address} remembers no checkpoint of a job called '${name}'; give the path of a savepoint or of a retained checkpoint (…/chk-<n>)`,
    { details: { name } },
  );
}
