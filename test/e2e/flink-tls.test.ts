import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { flinkTest, hasFlink } from '../flink/flink-test.js';
import { makeFlinkTls, missingForFlinkTls, type FlinkTls } from '../flink/flink-tls.js';
import { LocalFlink } from '../flink/local-flink.js';
import { mappingJob } from './mapping-job.js';
import { readLines, Sandbox } from './millrace.js';

const missing = await missingForFlinkTls();

const folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
let tls: FlinkTls;
let cluster: LocalFlink;
before(async () => {
  if (!hasFlink || missing !== undefined) return;
  tls = await makeFlinkTls(folder);
  const { caFile, certFile, keyFile, configuration } = tls;
  cluster = await LocalFlink.start({ version: '1.20.3', configuration, tls: { caFile, certFile, keyFile } });
});
after(async () => {
  await cluster?.close();
  rmSync(folder, { recursive: true, force: true });
});

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = new Sandbox();
});
afterEach(() => sandbox.close());

const job = (name: string, address = cluster.address): string[] => mappingJob(sandbox, address, { name, body: 'return { n };' });
const ourOwn = (): string[] => ['--cert', tls.certFile, '--key', tls.keyFile];

flinkTest(
  'a job runs on a cluster that speaks TLS alone, and other commands reach it there',
  async () => {
    const { code, stderr } = await sandbox.run(...job('secret'), '--ca', tls.caFile, ...ourOwn());
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      readLines(sandbox.path('out.jsonl')).map(({ n }) => n),
      Array.from({ length: 1_000 }, (_, n) => n),
    );
    const left = await sandbox.run(...job('left-alone'), '--detached', '--ca', tls.caFile, ...ourOwn());
    assert.equal(left.code, 0, left.stderr);
    const status = await sandbox.run('status', 'left-alone', '--json');
    assert.equal(status.code, 0, status.stderr);
    assert.equal((JSON.parse(status.stdout) as { readonly name: string }).name, 'left-alone');
  },
  missing,
);

flinkTest(
  'without the authority, without a certificate of ours, and without TLS, the error says what to give',
  async () => {
    const refused = async (expected: RegExp, ...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await sandbox.run(...args);
      assert.equal(code, 7, stderr);
      assert.match(stderr, expected);
    };
    await refused(/UNAVAILABLE .*its certificate is signed by nobody who is trusted here .*--ca/, ...job('untrusted'), ...ourOwn());
    await refused(/UNAVAILABLE .*it refuses us .*--cert and --key/, ...job('unknown'), '--ca', tls.caFile);
    await refused(/UNAVAILABLE .*https:\/\//, ...job('plain', cluster.address.replace('https:', 'http:')));
    // An authority that all of Node.js trusts.
    sandbox.env['NODE_EXTRA_CA_CERTS'] = tls.caFile;
    await refused(/UNAVAILABLE .*it refuses us/, ...job('unknown'));
  },
  missing,
);
