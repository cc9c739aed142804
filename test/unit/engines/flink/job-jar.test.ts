import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, test } from 'node:test';
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import { makeJobJar, portableBundle } from '../../../../src/engines/flink/job-jar.js';
import type { FlinkPlan } from '../../../../src/engines/flink/plan.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-jar-'));
after(() => rmSync(folder, { recursive: true }));

const plan = { version: 1, millrace: '1.2.3', job: { name: 'größer', id: 'a' } } as FlinkPlan;

test('the jar of a job is the bridge with the plan and the bundle in it', async () => {
  const bridge = join(folder, 'bridge.jar');
  const compiled = new Uint8Array([0xca, 0xfe, 0xba, 0xbe, 0, 1, 2, 255]);
  writeFileSync(
    bridge,
    zipSync({ 'META-INF/MANIFEST.MF': strToU8('Manifest-Version: 1.0\r\n'), 'millrace/flink/MillraceJob.class': [compiled, { level: 0 }] }),
  );
  const bundle = join(folder, 'job.mjs');
  writeFileSync(bundle, `import { defineJob } from '${pathToFileURL('/opt/app/millrace').href}/dist/src/index.js';\n`);
  const jar = await makeJobJar(bridge, plan, bundle, '/opt/app/millrace/');
  const entries = unzipSync(readFileSync(jar.path));
  assert.deepEqual(Object.keys(entries).sort(), ['META-INF/MANIFEST.MF', 'millrace/flink/MillraceJob.class', 'millrace/job.mjs', 'millrace/plan.json']);
  assert.deepEqual(entries['millrace/flink/MillraceJob.class'], compiled);
  assert.deepEqual(JSON.parse(strFromU8(entries['millrace/plan.json']!)), plan);
  assert.equal(strFromU8(entries['millrace/job.mjs']!), "import { defineJob } from 'millrace-root:dist/src/index.js';\n");
  await jar.remove();
  assert.equal(existsSync(dirname(jar.path)), false);
});

test('only the folder of the package itself is replaced in a bundle', () => {
  const code = "import 'file:///opt/millrace/dist/a.js'; import 'file:///opt/millrace-extra/b.js'; import 'file:///opt/millrace/dist/c.js';";
  assert.equal(
    portableBundle(code, '/opt/millrace'),
    "import 'millrace-root:dist/a.js'; import 'file:///opt/millrace-extra/b.js'; import 'millrace-root:dist/c.js';",
  );
  assert.equal(portableBundle("import 'file:///my%20app/dist/a.js'", '/my app/'), "import 'millrace-root:dist/a.js'");
});

for (const [what, write] of [
  ['missing', () => undefined],
  ['damaged', (path: string) => writeFileSync(path, 'no archive')],
] as const)
  test(`a ${what} bridge is one to set up again`, async () => {
    const bridge = join(folder, `${what}.jar`);
    write(bridge);
    await assert.rejects(makeJobJar(bridge, plan, bridge, '/x'), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'SETUP_NEEDED');
      assert.ok(error.message.includes(bridge) && error.message.includes('npx millrace setup'));
      return true;
    });
  });
