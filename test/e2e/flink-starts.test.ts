import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { unzipSync, zipSync } from 'fflate';
import { countingCommand } from '../chaos/counting-command.js';
import { bridgeJar } from '../flink/bridge.js';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { ask, failureInFlink, untilNothingLeft } from '../flink/left-behind.js';
import { LocalFlink } from '../flink/local-flink.js';
import { mappingJob } from './mapping-job.js';
import { root, Sandbox, type Ended } from './millrace.js';

/** Clusters and TaskManagers on which a job cannot start: one error that says what is wrong where, in the command and in Flink. */
let cluster: LocalFlink;
before(async () => {
  // By default Flink lets a job wait for slots for five minutes.
  if (hasFlink) cluster = await LocalFlink.start({ version: '1.20.3', slots: 2, configuration: { 'slot.request.timeout': '15000' } });
});
after(() => cluster?.close());

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

function mapping(name: string, parallelism = 1, { address } = cluster): string[] {
  return mappingJob(sandbox, address, { name, body: 'return { n };', parallelism });
}

/** It ended with one error and left nothing on this machine. */
function assertRefused({ code, stderr, orphans }: Ended, exitCode: number, message: RegExp): void {
  assert.equal(code, exitCode, stderr);
  assert.match(stderr, message);
  assert.equal(stderr.match(/^[A-Z]+(_[A-Z]+)* /gm)?.length, 1, `one error: ${stderr}`);
  assert.deepEqual(orphans, []);
  assert.deepEqual(sandbox.registered, []);
}

flinkTest('a Flink that is too old is told its version, and gets nothing', async () => {
  // Its classes are those of 1.20.3; they read who they are from this file.
  const classes = sandbox.path('classes');
  mkdirSync(classes);
  writeFileSync(join(classes, '.flink-runtime.version.properties'), 'project.version=1.19.3\n');
  const old = await LocalFlink.start({ version: '1.20.3', taskManagers: 0, jvm: [`-Xbootclasspath/a:${classes}`] });
  try {
    assertRefused(await sandbox.run(...mapping('old-flink', 1, old)), 2, /^UNSUPPORTED Flink at http\S+ is version 1\.19\.3; Millrace runs on 1\.20 and 2\.x/m);
    assert.deepEqual((await ask<{ readonly files: readonly unknown[] }>(old, '/jars')).files, []);
    assert.deepEqual((await ask<{ readonly jobs: readonly unknown[] }>(old, '/jobs')).jobs, []);
  } finally {
    await old.close();
  }
});

flinkTest('a Flink on an older Java than the bridge was built for is told so', async () => {
  // As Java 17 is to Java 11: classes of a version that is yet to come.
  const jar = await bridgeJar();
  const classes = Object.entries(unzipSync(readFileSync(jar))).map(([name, bytes]) => {
    if (name.endsWith('.class')) new DataView(bytes.buffer, bytes.byteOffset).setUint16(6, 200);
    return [name, bytes] as const;
  });
  const place = sandbox.path(`cache/${basename(dirname(jar))}`);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, basename(jar)), zipSync(Object.fromEntries(classes), { level: 0 }));
  sandbox.env['MILLRACE_CACHE_DIR'] = sandbox.path('cache');
  assertRefused(
    await sandbox.run(...mapping('old-java')),
    2,
    /^UNSUPPORTED .*Flink runs on an older Java than the bridge needs, which is 17 \(.*millrace\/flink\/MillraceJob has been compiled by a more recent version of the Java Runtime/m,
  );
  await untilNothingLeft(cluster);
});

flinkTest('a job that needs more slots than there are ends with both numbers', async () => {
  assertRefused(
    await sandbox.run(...mapping('wide', 3)),
    6,
    /^RESOURCE_EXHAUSTED job wide got no slots on Flink at http\S+: it needs 3, and 2 of 2 are free on 1 TaskManagers; add TaskManagers or slots/m,
  );
  assert.match(await failureInFlink(cluster, 'wide'), /NoResourceAvailableException: Could not acquire the minimum required resources/);
  await untilNothingLeft(cluster);
});

flinkTest('a TaskManager without Node says so, and what to do', async () => {
  const message = /FILE_NOT_FOUND\S* .*Node could not be started as '\/nowhere\/node' on this TaskManager .*install Node 20, or set MILLRACE_NODE/;
  assertRefused(await sandbox.run(...mapping('no-node'), '--host-node', '/nowhere/node'), 4, message);
  assert.match(await failureInFlink(cluster, 'no-node'), message);
  await untilNothingLeft(cluster);
});

flinkTest('a TaskManager without Millrace says so, and what to do', async () => {
  const message = /FILE_NOT_FOUND\S* .*there is no Node host at \/nowhere\/main\.js on this TaskManager: install the package millrace there/;
  assertRefused(await sandbox.run(...mapping('no-millrace'), '--host-entry', '/nowhere/main.js'), 4, message);
  assert.match(await failureInFlink(cluster, 'no-millrace'), message);
  await untilNothingLeft(cluster);
});

const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };

/** The package as another machine may have it. @returns the flag that lets a job use it */
function otherInstallation({ version = own.version, packages }: { readonly version?: string; readonly packages: (folder: string) => void }): string[] {
  const other = sandbox.path('other');
  cpSync(join(root, 'dist/src'), join(other, 'dist/src'), { recursive: true });
  writeFileSync(join(other, 'package.json'), JSON.stringify({ ...own, version }));
  packages(join(other, 'node_modules'));
  return ['--host-entry', join(other, 'dist/src/engines/flink/host/main.js')];
}

const installed = join(root, 'node_modules');

flinkTest('a TaskManager with another version of the package ends the job with both versions', async () => {
  const flag = otherInstallation({ version: '99.0.0', packages: (folder) => symlinkSync(installed, folder) });
  const message = new RegExp(`VERSION_MISMATCH\\S* .*millrace ${own.version.replaceAll('.', '\\.')}.*99\\.0\\.0.*install the same version`);
  assertRefused(await sandbox.run(...mapping('versions'), ...flag), 6, message);
  assert.match(await failureInFlink(cluster, 'versions'), message);
  await untilNothingLeft(cluster);
});

flinkTest('a TaskManager without the native library ends a job that trains, and says how to get it', async () => {
  const flag = otherInstallation({
    packages: (folder) => {
      const scope = join(folder, '@tensorflow');
      mkdirSync(scope, { recursive: true });
      for (const name of readdirSync(installed)) if (name !== '@tensorflow') symlinkSync(join(installed, name), join(folder, name));
      for (const name of readdirSync(join(installed, '@tensorflow'))) {
        if (name !== 'tfjs-node') symlinkSync(join(installed, '@tensorflow', name), join(scope, name));
      }
      // As npm installs it; set-up puts the binding, and where the library lies, into napi-v8.
      cpSync(join(installed, '@tensorflow/tfjs-node'), join(scope, 'tfjs-node'), { recursive: true, filter: (path) => basename(path) !== 'napi-v8' });
    },
  });
  mkdirSync(sandbox.path('faults'));
  const params = { records: 1_000, rate: 1_000, workers: 2, servers: 1, mode: 'bsp', isolation: 'thread', model: 'counter' };
  const message = /SETUP_NEEDED\S* .*run: npx millrace setup/;
  assertRefused(await sandbox.run(...countingCommand(sandbox, params), '--engine', 'flink', '--address', cluster.address, ...flag), 6, message);
  assert.match(await failureInFlink(cluster, 'counting'), message);
  await untilNothingLeft(cluster);
});
