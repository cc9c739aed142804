import assert from 'node:assert/strict';
import { readlinkSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isMillraceError } from '../../../../../src/core/errors.js';
import { packageRoot, packagesFolder, packageVersion } from '../../../../../src/engines/flink/host/package-root.js';
import { placeBundle } from '../../../../../src/engines/flink/host/place-bundle.js';
import { BundleFolder } from './opened.js';

const folder = new BundleFolder("import 'millrace-root:dist/src/index.js'; import x from 'millrace-root:dist/src/testing/index.js';");
after(() => folder.remove());

test('a bundle gets imports of the package on this machine and the packages beside it, once for all threads', async () => {
  const paths = await Promise.all(Array.from({ length: 4 }, () => placeBundle(folder.bundle)));
  assert.deepEqual(new Set(paths), new Set([join(folder.path, `job-${folder.bundle.hash.slice(0, 16)}.mjs`)]));
  const url = pathToFileURL(packageRoot).href;
  assert.equal(readFileSync(paths[0] as string, 'utf8'), `import '${url}/dist/src/index.js'; import x from '${url}/dist/src/testing/index.js';`);
  assert.equal(readlinkSync(join(dirname(paths[0] as string), 'node_modules')), packagesFolder);
});

test('a bundle that is not there is named', async () => {
  await assert.rejects(
    placeBundle({ path: '/nowhere/job.mjs', hash: 'a'.repeat(64) }),
    (error: unknown) => isMillraceError(error) && error.code === 'FILE_NOT_FOUND' && error.message.includes('/nowhere/job.mjs'),
  );
});

test('the package knows its place and its version', () => {
  const { name, version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { name: string; version: string };
  assert.deepEqual([name, version], ['millrace', packageVersion]);
});
