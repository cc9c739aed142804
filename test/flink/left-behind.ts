import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { LocalFlink } from './local-flink.js';
import { nodeHosts } from './node-hosts.js';

const deadlineMs = 60_000;
const pollMs = 50;

/** Until something is so, for a minute at most. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + deadlineMs; !(await holds()); await setTimeout(pollMs))
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
}

/** What REST answers. */
export async function ask<T>(cluster: LocalFlink, path: string): Promise<T> {
  return (await (await fetch(`${cluster.address}${path}`, { signal: AbortSignal.timeout(deadlineMs) })).json()) as T;
}

interface JobView {
  readonly jid: string;
  readonly name: string;
  readonly state: string;
}

/** What Flink's UI shows as the causes of a job's failure. */
export async function failureInFlink(cluster: LocalFlink, name: string): Promise<string> {
  const { jobs } = await ask<{ readonly jobs: readonly JobView[] }>(cluster, '/jobs/overview');
  const job = jobs.find((each) => each.name === name);
  assert.equal(job?.state, 'FAILED', `${name} in ${JSON.stringify(jobs)}`);
  return JSON.stringify(await ask(cluster, `/jobs/${job.jid}/exceptions`));
}

export function untilNoHosts(cluster: LocalFlink): Promise<void> {
  return until('no Node host is left', () => nodeHosts(cluster).length === 0);
}

/** No host, no uploaded jar, no slot that is not free. */
export async function untilNothingLeft(cluster: LocalFlink): Promise<void> {
  const { files } = await ask<{ readonly files: readonly unknown[] }>(cluster, '/jars');
  assert.deepEqual(files, [], 'uploaded jars');
  await until('all slots are free', async () => {
    const { 'slots-total': total, 'slots-available': free } = await ask<Readonly<Record<'slots-total' | 'slots-available', number>>>(cluster, '/overview');
    return free === total;
  });
  await untilNoHosts(cluster);
}
