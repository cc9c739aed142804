import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { bundleJob, loadJob } from '../../../../src/engines/embedded/index.js';
import { MillraceError } from '../../../../src/core/errors.js';
import { buildGraph } from '../../../../src/stream/job.js';

let project: string;

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
  await write('node_modules/dep/package.json', '{"name":"dep","version":"1.0.0","type":"module","exports":{"import":"./dep.js"}}');
  await write('node_modules/dep/dep.js', 'export const dep = "from a package";');
  await write('lib/boom.ts', ['export function boom(x: number): number {', "  if (x > 1) throw new Error('boom');", '  return x;', '}'].join('\n'));
});

after(() => rm(project, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<string> {
  const path = join(project, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const job = (build: string): string =>
  `import { defineJob } from 'millrace';\nimport { dep } from 'dep';\nimport { boom } from './lib/boom.js';\nexport default defineJob({ name: 'j', build: () => { ${build} } });\n`;

test('a TypeScript job is bundled into the project, by content hash, and runs against this very package', async () => {
  const path = await write('job.ts', job('throw Object.assign(new Error(dep + boom(1)), {});'));
  const bundle = await bundleJob(path);
  assert.equal(dirname(bundle.path), join(project, 'node_modules', '.cache', 'millrace'));
  assert.match(bundle.path, new RegExp(`job-${bundle.hash.slice(0, 16)}\\.mjs$`));
  assert.deepEqual(await bundleJob(path), bundle, 'the same content has the same name');
  const definition = await loadJob(bundle);
  assert.throws(
    () => buildGraph(definition, {}),
    (error) => {
      assert.ok(error instanceof MillraceError);
      assert.match(error.message, /from a package1/);
      return true;
    },
  );
  assert.match(await readFile(bundle.path, 'utf8'), /from "file:.*index\.js"/);
});

test('a stack trace names the file and line that the user wrote', async () => {
  const definition = await loadJob(await bundleJob(await write('trace.ts', job('dep; boom(2);'))));
  assert.throws(
    () => buildGraph(definition, {}),
    (error: Error) => {
      const { stack } = error.cause as Error;
      assert.ok(stack?.includes(`${join(project, 'lib', 'boom.ts')}:2:`), stack);
      return true;
    },
  );
});

test('what does not compile or cannot be imported is named by file, line and column', async () => {
  const syntax = await write('syntax.ts', 'const a = 1;\nconst b: number = ;\n');
  await assert.rejects(bundleJob(syntax), { code: 'JOB_NOT_LOADED', message: /syntax\.ts:2:19: Unexpected ";"/ });
  const missing = await write(
    'missing.ts',
    "import { a } from './nothing.js';\nimport b from 'no-such-package';\nimport { c } from 'millrace/nothing';\nexport default [a, b, c];\n",
  );
  await assert.rejects(bundleJob(missing), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'JOB_NOT_LOADED');
    assert.match(error.message, /missing\.ts:1:19: Could not resolve ".\/nothing\.js"/);
    assert.match(error.message, /missing\.ts:2:15: Could not resolve "no-such-package"; install the package/);
    assert.match(error.message, /missing\.ts:3:19: millrace has no export 'millrace\/nothing'/);
    return true;
  });
});

test('a missing file, a file that throws and a file without a job are told apart', async () => {
  await assert.rejects(bundleJob(join(project, 'none.ts')), { code: 'JOB_NOT_LOADED', message: /no such file/ });
  const throwing = await bundleJob(await write('throwing.ts', "throw new Error('at load');"));
  await assert.rejects(loadJob(throwing), { code: 'JOB_NOT_LOADED', message: /throwing\.ts threw while it loaded: at load/ });
  const other = await bundleJob(await write('other.ts', 'export default 5;'));
  await assert.rejects(loadJob(other), { code: 'JOB_NOT_LOADED', message: /other\.ts: the default export is not a job/ });
});
