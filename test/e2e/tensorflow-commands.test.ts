import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { loadTfjs } from '../../src/tensorflow/eager/index.js';
import { Sandbox } from './millrace.js';

const sandbox = new Sandbox();
after(() => sandbox.close());

async function savedLayersModel(): Promise<string> {
  const tf = await loadTfjs();
  const rows = tf.input({ shape: [3], name: 'rows' });
  const model = tf.model({ inputs: rows, outputs: tf.layers.dense({ units: 2, name: 'scores' }).apply(rows) as typeof rows });
  await model.save(`file://${sandbox.path('layers')}`);
  model.dispose();
  return sandbox.path('layers');
}
const layers = await savedLayersModel();

describe('millrace export', () => {
  it('writes a layers model as a SavedModel and says its signature', async () => {
    const { code, stdout, stderr } = await sandbox.run('export', layers, sandbox.path('saved'), '--signature', 'score', '--dtype', 'rows=float64');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /saved: signature score, 8 parameters\n {2}inputs {3}rows float64\[\?, 3\]\n {2}outputs {2}scores float32\[\?, 2\]\n$/);
    const json = await sandbox.run('export', `${layers}/model.json`, sandbox.path('saved'), '--json');
    const facts = JSON.parse(json.stdout) as { readonly signature: string; readonly inputs: unknown };
    assert.deepEqual([facts.signature, facts.inputs], ['serving_default', [{ name: 'rows', dtype: 'float32', shape: [-1, 3] }]]);
  });

  it('names what is wrong: no file, no model, an input that is not there, a dtype that is none', async () => {
    const other = sandbox.write('other.json', '{}');
    for (const [args, code, says] of [
      [[sandbox.path('nothing.json')], 4, /nothing\.json: no such file; give the model\.json/],
      [[other], 8, /other\.json: not a TensorFlow\.js layers model/],
      [[layers, '--dtype', 'x=int64'], 2, /the model has no input x; it has rows/],
      [[layers, '--dtype', 'rows=int65'], 2, /rows\.dtype.*"int65"/],
    ] as const) {
      const ended = await sandbox.run('export', args[0], sandbox.path('never'), ...args.slice(1));
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, says);
    }
  });
});

describe('millrace explain --trace', () => {
  it('prints the operations of a step by layer and cost, and writes them for graph viewers', async () => {
    const explain = ['explain', 'examples/flight-delays/job.ts', '--trace', '--trace-dir', sandbox.path('trace')];
    const { code, stdout, stderr } = await sandbox.run(...explain, '--json');
    assert.deepEqual([code, stderr], [0, '']);
    type Trace = {
      readonly operator: string;
      readonly file: string;
      readonly rows: number;
      readonly layers: readonly { readonly layer: string; readonly share: number }[];
    };
    const [trace] = (JSON.parse(stdout) as { readonly traces: readonly Trace[] }).traces;
    assert.equal(trace?.operator, 'lateness worker');
    assert.equal(trace.rows, 512);
    const names = trace.layers.map(({ layer }) => layer);
    // TensorFlow fuses product, bias and activation: what it fuses counts for the layer of the last part.
    for (const layer of ['activation_Activation1', 'dense_Dense1, gradients', 'dense_Dense3', 'embedding_Embedding1', 'embedding_Embedding4, gradients'])
      assert.ok(names.includes(layer), names.join());
    assert.ok(Math.abs(trace.layers.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-6);
    assert.ok(readFileSync(trace.file).includes('brain.Event:2'));
    const text = await sandbox.run(...explain);
    assert.match(
      text.stdout,
      /lateness worker: model lateness: one training step of 512 rows, \d+ nodes, traced in \d+ ms, loaded in \d+ ms\n {2}layer +ops +time \(us\) +share\n/,
    );
  });

  it('says so where no operator has a model to trace', async () => {
    const { code, stderr } = await sandbox.run(
      'explain',
      sandbox.job('count.ts'),
      '--set',
      'output=unused.jsonl',
      '--trace',
      '--trace-dir',
      sandbox.path('none'),
    );
    assert.equal(code, 2);
    assert.match(stderr, /--trace: no operator of this job trains a model/);
  });
});
