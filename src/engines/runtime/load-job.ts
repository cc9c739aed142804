import { pathToFileURL } from 'node:url';
import { MillraceError } from '../../core/errors.js';
import type { JobBundle } from '../../stream/engine.js';
import { isJobDefinition, type JobDefinition } from '../../stream/job.js';

/**
 * Loads a bundled job, or any ES module that exports a job as its default.
 *
 * @throws JOB_NOT_LOADED where it throws while loading or its default export is not made by defineJob
 */
export async function loadJob({ path, source = path }: Pick<JobBundle, 'path' | 'source'>): Promise<JobDefinition> {
  // Stack traces of user functions shall name the job's own file and line.
  process.setSourceMapsEnabled(true);
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (thrown) {
    throw MillraceError.from(thrown, 'JOB_NOT_LOADED', `${source} threw while it loaded`);
  }
  if (isJobDefinition(module.default)) return module.default;
  throw new MillraceError('JOB_NOT_LOADED', `${source}: the default export is not a job; write: export default defineJob({ ... })`);
}
