import assert from 'node:assert/strict';
import { existsSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { readLines, Sandbox, type Ended } from './millrace.js';

let sandbox: Sandbox;
before(() => {
  sandbox = new Sandbox();
});
after(() => sandbox.close());

let jobCount = 0;

/** Runs a job file with this content; it must end within seconds. */
async function runJob(code: string, ...args: readonly string[]): Promise<Ended> {
  const file = sandbox.write(`job-${++jobCount}.ts`, code);
  const startedMs = Date.now();
  const ended = await sandbox.run('run', file, ...args);
  assert.ok(Date.now() - startedMs < 30_000, `took ${Date.now() - startedMs} ms`);
  return ended;
}

/** One error, of this code, with these parts; nothing of the job is left. */
function assertFailed(ended: Ended, exit: number, ...parts: readonly RegExp[]): void {
  assert.equal(ended.code, exit, ended.stderr);
  for (const part of parts) assert.match(ended.stderr, part);
  const codes = ended.stderr.match(/^[A-Z]+(_[A-Z]+)* /gm) ?? [];
  assert.equal(codes.length, 1, `one error was expected:\n${ended.stderr}`);
  assert.doesNotMatch(ended.stderr, /^INTERNAL /m);
  assertNothingLeft(ended);
}

function assertNothingLeft(ended: Ended): void {
  assert.deepEqual(ended.orphans, []);
  assert.deepEqual(sandbox.registered, []);
}

const row = `{ n: t.int32(), name: t.string() }`;

/** A job that copies a JSON Lines file to another; `options` are those of the source. */
const copy = (input: string, output: string, options = '{}', rest = ''): string => `
import { defineJob, jsonl, t } from 'millrace';
export default defineJob({ name: 'copy', build({ source }) {
  const rows = source(jsonl(${JSON.stringify(input)}, ${row}), ${options});
  rows.to(jsonl(${JSON.stringify(output)}));
  ${rest}
} });
`;

const lines = ['{"n":1,"name":"a"}', '{"n":"many","name":"b"}', '{"n":3,"name":', '{"n":4,"name":"d"}'].join('\n');

test('a malformed record goes to the dead letters with source, position and cause, and the job goes on', async () => {
  const input = sandbox.write('bad.jsonl', lines);
  const [output, letters] = [sandbox.path('good.jsonl'), sandbox.path('letters.jsonl')];
  const ended = await runJob(copy(input, output, '{}', `rows.deadLetters.to(jsonl(${JSON.stringify(letters)}));`));
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(readLines(output), [
    { n: 1, name: 'a' },
    { n: 4, name: 'd' },
  ]);
  const [second, third] = readLines(letters) as { source: string; position: string; code: string; cause: string; record: string }[];
  assert.equal(second?.code, 'RECORD_MALFORMED');
  assert.ok(second?.source.includes(input), second?.source);
  assert.match(second?.position ?? '', /line 2/);
  assert.match(second?.cause ?? '', /n.*int32/);
  assert.equal(second?.record, '{"n":"many","name":"b"}');
  assert.match(third?.position ?? '', /line 3/);
  assertNothingLeft(ended);
});

test("onBadRecord 'fail' ends the job at the first malformed record", async () => {
  const input = sandbox.write('bad.jsonl', lines);
  assertFailed(
    await runJob(copy(input, sandbox.path('failed.jsonl'), `{ onBadRecord: 'fail' }`)),
    4,
    /^RECORD_MALFORMED jsonl: .*bad\.jsonl, line 2/m,
    /int32/,
  );
});

test('a record over the size limit is a dead letter, or ends the job where that is asked for', async () => {
  const input = sandbox.write('long.jsonl', `{"n":1,"name":"a"}\n{"n":2,"name":"${'x'.repeat(9 * 1024 * 1024)}"}\n{"n":3,"name":"c"}\n`);
  const output = sandbox.path('short.jsonl');
  const ended = await runJob(copy(input, output));
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(
    readLines(output).map(({ n }) => n),
    [1, 3],
  );
  assertFailed(await runJob(copy(input, output, `{ onBadRecord: 'fail' }`)), 4, /^RECORD_TOO_LARGE jsonl: .*long\.jsonl, line 2/m, /8388608/);
});

test('a record that no channel can carry ends the job and names size and limit', async () => {
  const ended = await runJob(`
import { defineJob, discard, generator, t } from 'millrace';
export default defineJob({ name: 'large', build({ source }) {
  source(generator({ schema: { key: t.int32(), text: t.string() }, count: 10, make: (i) => ({ key: i, text: 'x'.repeat(6_000_000) }) }))
    .rebalance().to(discard(), { parallelism: 2 });
} });`);
  assertFailed(ended, 4, /^RECORD_TOO_LARGE .*generator/m, /60\d{5}|6 MB/);
});

test('a syntax error in the job file is reported with file, line and column', async () => {
  assertFailed(
    await runJob(`import { defineJob } from 'millrace';\nexport default defineJob({ name: 'x', build( {} });\n`),
    2,
    /^JOB_NOT_LOADED .*job-\d+\.ts:2:\d+: /m,
  );
});

test('a job file that throws while it loads is reported with its cause and line', async () => {
  assertFailed(
    await runJob(`import 'millrace';\nthrow new Error('no luck today');\n`),
    2,
    /^JOB_NOT_LOADED .*job-\d+\.ts threw while it loaded: no luck today/m,
    /job-\d+\.ts:2/,
  );
});

test('a job file without a default export says what to write', async () => {
  assertFailed(await runJob(`export const job = 1;\n`), 2, /^JOB_NOT_LOADED .*export default defineJob/m);
});

test('an import that cannot be found is reported with file, line and fix', async () => {
  assertFailed(
    await runJob(`import { x } from 'no-such-package-of-millrace';\nexport default x;\n`),
    2,
    /^JOB_NOT_LOADED .*job-\d+\.ts:1:\d+: .*no-such-package-of-millrace.*install/m,
  );
  assertFailed(await runJob(`import { x } from './nowhere.js';\nexport default x;\n`), 2, /^JOB_NOT_LOADED .*job-\d+\.ts:1:\d+: .*nowhere/m);
});

test('an input file that does not exist ends the job before anything starts', async () => {
  const ended = await runJob(copy('/nowhere/in.jsonl', sandbox.path('none.jsonl')));
  assertFailed(ended, [3, 4].includes(ended.code ?? 0) ? ended.code! : 4, /\/nowhere\/in\.jsonl/);
});

test('a column that a CSV file lacks is named with the file and the columns that are there', async () => {
  const input = sandbox.write('people.csv', 'name,age\nann,3\n');
  const ended = await runJob(`
import { csv, defineJob, discard, t } from 'millrace';
export default defineJob({ name: 'columns', build({ source }) { source(csv(${JSON.stringify(input)}, { name: t.string(), height: t.int32() })).to(discard()); } });`);
  assertFailed(ended, 3, /height/, /people\.csv/, /age/);
});

test('several problems of one graph are reported at once, each with its operator', async () => {
  const ended = await runJob(`
import { defineJob, discard, generator, t } from 'millrace';
export default defineJob({ name: 'problems', build({ source }) {
  const numbers = source(generator({ schema: { n: t.int32() }, count: 1, make: (n) => ({ n }) }), { colour: 'red' } as object);
  numbers.filter(() => true, { uid: 'same' }).to(discard());
  numbers.filter(() => true, { uid: 'same' }).to(discard());
  (numbers as never as { keyBy(c: string): { reduce(f: unknown): { to(s: unknown): void } } }).keyBy('weight').reduce(() => null).to(discard());
} });`);
  assertFailed(ended, 3, /^GRAPH_INVALID /m, /generator: .*colour/, /same/, /weight/);
});

const model = (extra: string): string => `
import { adam, bool, collect, concat, defineJob, defineModel, dense, discard, generator, numeric, sgd, t } from 'millrace';
const circle = defineModel({
  name: 'circle', inputs: { x: numeric(), y: numeric() }, label: { inside: t.bool() },
  build: ({ x, y }) => ({ probability: dense(1, 'sigmoid', dense(4, 'relu', concat([x, y]))) }),
  loss: 'binaryCrossentropy', optimizer: adam(0.01),
});
${extra}`;

test('a model that does not fit the stream is a graph error that names operator and columns', async () => {
  const ended = await runJob(
    model(`export default defineJob({ name: 'misfit', build({ source }) {
      const rows = source(generator({ schema: { x: t.string(), inside: t.float64() }, count: 1, make: () => ({ x: '', inside: 1 }) }));
      rows.train(circle as never, { workers: 1, batchSize: 4 } as never).metrics.to(discard());
    } });`),
  );
  assertFailed(ended, 3, /^GRAPH_INVALID /m, /circle worker: .*\bx\b/, /\by\b/, /inside/);
});

test('a loss that does not exist is an error of the model', async () => {
  const ended = await runJob(model('').replace("'binaryCrossentropy'", "'meanSquaredError'"));
  assertFailed(ended, 8, /^MODEL_INVALID .*circle: there is no loss 'meanSquaredError'; there are .*mse/m);
});

test('a loss that is not finite ends the job and names node, step and loss', async () => {
  const ended = await runJob(
    model(`const line = defineModel({ name: 'line', inputs: { x: numeric() }, label: { y: t.float32() },
      build: ({ x }) => ({ z: dense(1, undefined, x) }), loss: 'mse', optimizer: sgd(1e30) });
    export default defineJob({ name: 'nan', build({ source }) {
      const rows = source(generator({ schema: { x: t.float32(), y: t.float32() }, count: 100_000, make: (i) => ({ x: i, y: 2 * i }) }));
      rows.train(line, { workers: 1, batchSize: 16 }).metrics.to(discard());
    } });`),
  );
  assertFailed(ended, 8, /^LOSS_NOT_FINITE .*worker 0 of cluster line/m, /step \d+/, /NaN|Infinity/);
});

test('a full disk ends the job with the path and the fix', { skip: existsSync('/dev/full') ? false : 'no /dev/full here' }, async () => {
  const output = sandbox.path('full.jsonl');
  // What the sink writes to until the end.
  symlinkSync('/dev/full', `${output}.inprogress`);
  assertFailed(await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${output}`), 6, /^DISK_FULL .*full\.jsonl.*no space left/m);
});

test('the port of /metrics in use is one error with the fix, and the job does not stay behind', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    assertFailed(
      await sandbox.run('run', sandbox.job('count.ts'), '--set', `output=${sandbox.path('p.jsonl')}`, '--metrics-port', String(port)),
      6,
      new RegExp(`^PORT_IN_USE .*${port}`, 'm'),
      /another port/,
    );
  } finally {
    server.close();
  }
});

const cluster = (build: string, deadlines: string): string => `
import { addAMRole, addRole, defineCluster, defineJob, discard, generator, t } from 'millrace';
export default defineJob({ name: 'cluster', build({ env, source }) {
  const cluster = defineCluster({ name: 'crew', roles: { worker: 2 }, ${deadlines} });
  const rows = source(generator({ schema: { n: t.int32() }, count: 1_000_000, make: (n) => ({ n }) }));
  ${build}
} });`;

test('a worker entry that throws ends the job and names node, cause and line', async () => {
  const ended = await runJob(
    cluster(
      `addAMRole(env, cluster);
  addRole(env, cluster, 'worker', { input: rows, output: { n: t.int32() }, entry: async (ctx) => {
    for await (const batch of ctx.input) if (ctx.index === 1) throw new Error('the worker has had enough of ' + batch.length);
  } }).to(discard());`,
      '',
    ),
  );
  assertFailed(ended, 5, /^NODE_ENTRY .*worker 1 of cluster crew.*the worker has had enough/m, /^ +at .*job-\d+\.ts:\d+/m);
});

test('a node that never registers ends the job at the deadline', async () => {
  // One of the three threads (manager, two workers; whichever is first) hangs while it builds its graph.
  const ended = await runJob(`
import { mkdirSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { addAMRole, addRole, defineCluster, defineJob } from 'millrace';
function isFirst() { try { mkdirSync(${JSON.stringify(sandbox.path('first'))}); return true; } catch { return false; } }
export default defineJob({ name: 'late', build({ env }) {
  if (!isMainThread && isFirst()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000);
  const cluster = defineCluster({ name: 'crew', roles: { worker: 2 }, registrationDeadline: '3 s' });
  addAMRole(env, cluster);
  addRole(env, cluster, 'worker', { entry: async () => {} });
} });`);
  assertFailed(ended, 7, /^NODE_NOT_REGISTERED .*crew.*(worker [01] did not register|no application manager) within 3000 ms/m);
});

test('a cluster without an operator for a role, or without application manager, is a graph error', async () => {
  const ended = await runJob(
    cluster(
      `addRole(env, defineCluster({ name: 'crew', roles: { worker: 1, chief: 1 } }), 'worker', { input: rows, entry: async () => {} }).to(discard());`,
      '',
    ),
  );
  assertFailed(ended, 3, /^GRAPH_INVALID /m, /no application manager/, /1 chief, but nobody adds that role/);
});
