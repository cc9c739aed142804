import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { strToU8, unzipSync, zipSync } from 'fflate';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import { rootToken } from './host/place-bundle.js';
import type { FlinkPlan } from './plan.js';

export interface JobJar {
  readonly path: string;
  remove(): Promise<void>;
}

/**
 * Makes what Flink runs: a copy of the bridge with the plan and the bundled job in it.
 *
 * ```
 * millrace/plan.json   read by the bridge in the JobManager and its operators
 * millrace/job.mjs     the bundle, imports of this package by `millrace-root:`; loaded by Node on the TaskManagers
 * ```
 * @param packageRoot absolute path of this package's folder
 * @throws SETUP_NEEDED where the bridge cannot be read
 */
export async function makeJobJar(bridge: string, plan: FlinkPlan, bundle: string, packageRoot: string): Promise<JobJar> {
  const archive = await readBridge(bridge);
  const job = portableBundle(await readFile(bundle, 'utf8'), packageRoot);
  const jar = zipSync({ ...archive, 'millrace/plan.json': strToU8(JSON.stringify(plan)), 'millrace/job.mjs': strToU8(job) });
  const folder = await mkdtemp(join(tmpdir(), 'millrace-job-'));
  const path = join(folder, 'job.jar');
  try {
    await writeFile(path, jar, { mode: 0o600 });
  } catch (thrown) {
    await rm(folder, { recursive: true, force: true });
    throw fromSystemError(thrown, 'archive of the job', path);
  }
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Imports of this package are absolute file URLs in a bundle. */
export function portableBundle(code: string, packageRoot: string): string {
  return code.replaceAll(`${pathToFileURL(packageRoot).href.replace(/\/*$/, '')}/`, rootToken);
}

async function readBridge(path: string): Promise<Record<string, Uint8Array>> {
  try {
    return unzipSync(await readFile(path));
  } catch (thrown) {
    throw new MillraceError('SETUP_NEEDED', `the bridge to Flink (${path}) is missing or damaged; remove it and run: npx millrace setup`, { cause: thrown });
  }
}
