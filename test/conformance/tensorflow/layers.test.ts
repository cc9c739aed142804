import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { compileGradients, compilePredict, loadTfjs } from '../../../src/tensorflow/index.js';
import type { Tensor } from '../../../src/tensorflow/model/tfjs-types.js';
import { assertClose, largest, numbersOf, tidied } from './close.js';
import { rowName, type LayerRow } from './layer-row.js';
import { layerRows } from './layer-rows.js';
import { layerTable, tableBegin, tableEnd } from './layer-table.js';
import { inputRows } from './seeded.js';
import { eagerPass, loss, subjectOf, type Subject } from './subject.js';

const tf = await loadTfjs();
/** Traces are made at 2, 3 and 5 rows. */
const sizes = [2, 1, 4, 7, 33];
const tolerance = 1e-5;
/** Gradients that are rounding alone (of a bias before a normalization) are held against the largest gradient of the pass. */
const noise = 0.01;
const lossOf = (labels: Tensor, outputs: Tensor): Tensor => loss(tf, labels, outputs);

function batchOf(row: LayerRow, subject: Subject, rows: number): { readonly inputs: Tensor[]; readonly labels: Tensor[] } {
  const inputs = row.inputs.map((input, i) => inputRows(tf, input, rows, i + rows));
  if (row.tfjsRefuses?.what === 'everything') return { inputs, labels: inputs.map((input) => input.clone()) };
  const shapes = tidied(tf, () => subject.forward(inputs, false).map(({ shape }) => shape));
  return { inputs, labels: shapes.map(([first, ...shape], i) => inputRows(tf, { shape }, first, 50 + i)) };
}

async function checkGradients(row: LayerRow, subject: Subject, training: boolean, warnings: string[]): Promise<void> {
  const compiled = await compileGradients(subject.compilable, lossOf, { training, log: { warn: (message) => warnings.push(message) } });
  for (const rows of sizes) {
    const { inputs, labels } = batchOf(row, subject, rows);
    const fed = [inputs.length === 1 ? inputs[0]! : inputs, labels.length === 1 ? labels[0]! : labels] as const;
    const at = `${rows} rows, training ${training}`;
    if (row.tfjsRefuses !== undefined) {
      const { says } = row.tfjsRefuses;
      assert.throws(() => eagerPass(tf, subject, inputs, labels, training), says);
      await assert.rejects(compiled.values(...fed), says);
    } else {
      const expected = eagerPass(tf, subject, inputs, labels, training);
      const { loss: value, outputs, gradients, assigned } = await compiled.values(...fed);
      assertClose(numbersOf(value), expected.loss, tolerance, `loss of ${at}`);
      ([outputs].flat() as never[]).forEach((output, i) => assertClose(numbersOf(output), expected.outputs[i]!, tolerance, `output ${i} of ${at}`));
      assert.deepEqual(Object.keys(gradients).sort(), Object.keys(expected.gradients).sort());
      const scale = noise * Math.max(...Object.values(expected.gradients).map(largest));
      for (const [name, each] of Object.entries(expected.gradients))
        assertClose(numbersOf(gradients[name]!), each, tolerance, `gradient of ${name} of ${at}`, scale);
      for (const [name, each] of Object.entries(expected.assigned)) assertClose(numbersOf(assigned[name]!), each, tolerance, `new value of ${name} of ${at}`);
    }
    tf.dispose([inputs, labels]);
  }
  assert.ok(warnings.length > 0 || row.tfjsRefuses !== undefined || compiled.stats.eagerCalls === 0);
  await compiled.close();
}

async function checkPredictions(row: LayerRow, subject: Subject, warnings: string[]): Promise<void> {
  const compiled = await compilePredict(subject.compilable, { log: { warn: (message) => warnings.push(message) } });
  for (const rows of sizes) {
    const { inputs, labels } = batchOf(row, subject, rows);
    if (row.tfjsRefuses?.what === 'everything') {
      await assert.rejects(compiled.values(inputs[0]!), row.tfjsRefuses.says);
      continue;
    }
    const expected = tidied(tf, () => subject.forward(inputs, false).map(numbersOf));
    const outputs = [await compiled.values(inputs.length === 1 ? inputs[0]! : inputs)].flat() as never[];
    expected.forEach((each, i) => assertClose(numbersOf(outputs[i]!), each, tolerance, `prediction ${i} of ${rows} rows`));
    tf.dispose([inputs, labels]);
  }
  assert.ok(warnings.length > 0 || compiled.stats.eagerCalls === 0);
  await compiled.close();
}

/** One warning that names reason and scope, or none. */
function checkWarnings(warnings: readonly string[], { fallsBack }: LayerRow): void {
  if (fallsBack === undefined) return assert.deepEqual(warnings, []);
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(warnings[0]!, fallsBack.says);
}

describe('a traced layer agrees with tfjs at batch sizes that were never traced', () => {
  for (const row of layerRows) {
    it(rowName(row), async () => {
      const subject = subjectOf(tf, row);
      const warnings: [string[], string[]] = [[], []];
      await checkPredictions(row, subject, warnings[0]);
      checkWarnings(warnings[0], row);
      await checkGradients(row, subject, row.isRandom !== true, warnings[1]);
      checkWarnings(warnings[1], row);
      subject.dispose();
    });
  }
});

describe('the rows', () => {
  /** Other names of layers, the base classes, and what is no layer. */
  const notLayers = new Set(
    'Layer RNN RNNCell input inputLayer avgPool1d avgPool2d avgPool3d avgPooling1d avgPooling2d avgPooling3d globalMaxPool1d globalMaxPool2d maxPool1d maxPool2d'.split(
      ' ',
    ),
  );

  it('cover every layer of tf.layers', () => {
    const factories = Object.keys(tf.layers).filter((name) => !notLayers.has(name));
    const covered = new Set(layerRows.map(({ layer }) => layer));
    assert.deepEqual(
      factories.filter((name) => !covered.has(name)),
      [],
    );
  });

  it('are what docs/tracing.md says (scripts/write-tracing-docs.mjs writes it)', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../../../docs/tracing.md'), 'utf8');
    assert.ok(text.includes(`${tableBegin}\n${layerTable()}\n${tableEnd}`), 'the table of layers is not that of the rows');
  });
});
