import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { t } from '../../../../src/memory/schema.js';
import { Rebatch } from '../../../../src/ml-framework/training/rebatch.js';
import { deadLetterSchema, deadLetterTag, type DeadLetter } from '../../../../src/stream/connector.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';
import { category, concat, defineModel, dense, sgd } from '../../../../src/tensorflow/model/index.js';

const schema = { c: t.int32(), label: t.bool() };

interface Row {
  c: number;
  label: boolean;
}

const model = defineModel({
  inputs: { c: category(10) },
  label: { label: t.bool() },
  build: ({ c }) => ({ p: dense(1, 'sigmoid', concat([c])) }),
  loss: 'binaryCrossentropy',
  optimizer: sgd(0.1),
});

function open(onBadRecord: 'deadLetter' | 'fail' = 'deadLetter', together?: number, parallelism = 1): Promise<OperatorHarness<Row, Row>> {
  return OperatorHarness.open<Row, Row>({
    schema,
    parallelism,
    build: (input) =>
      input.transform<Row>({
        kind: 'rebatch',
        name: 'batches',
        schema,
        sideOutputs: { [deadLetterTag]: deadLetterSchema },
        create: () => new Rebatch({ schema, batchSize: 4, model, onBadRecord, ...(together === undefined ? {} : { together: () => together }) }),
      }),
  });
}

const rows = (...categories: number[]): Row[] => categories.map((c) => ({ c, label: c % 2 === 0 }));

describe('Rebatch', () => {
  it('gives the rows in order whatever batches they came in, the rest at the end', async () => {
    const harness = await open();
    for (const part of [rows(0), rows(1, 2), rows(3, 4, 5, 6, 7, 8, 9), rows()]) await harness.push(part);
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    await harness.end();
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    await harness.close(true);
  });

  it('keeps rows of an unfinished batch across a cut', async () => {
    let harness = await open();
    await harness.push(rows(0, 1, 2, 3, 4, 5));
    harness = await harness.restart();
    await harness.push(rows(6, 7, 8));
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    await harness.end();
    assert.equal(harness.rows().length, 9);
    await harness.close(true);
  });

  it('lets the batches of a round leave together, and keeps an unfinished round across a cut', async () => {
    let harness = await open('deadLetter', 2);
    await harness.push(rows(0, 1, 2, 3, 4, 5, 6));
    assert.equal(harness.rows().length, 0);
    harness = await harness.restart();
    await harness.push(rows(7, 8, 9, 0, 1, 2));
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    await harness.end();
    assert.equal(harness.rows().length, 13);
    await harness.close(true);
  });

  it('cuts batches anew where unfinished ones of several subtasks come together', async () => {
    let harness = await open('deadLetter', undefined, 3);
    for (let i = 0; i < 3; i++) await harness.push(rows(1, 2, 3));
    assert.equal(harness.rows().length, 0);
    harness = await harness.restart(1);
    await harness.push(rows(4));
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [1, 2, 3, 1, 2, 3, 1, 2],
    );
    await harness.end();
    assert.equal(harness.rows().length, 10);
    await harness.close(true);
  });

  it('takes out a category out of range and fills the batch with the rows after it', async () => {
    const harness = await open();
    await harness.push(rows(0, 1, 10, 2, -1));
    assert.equal(harness.rows().length, 0);
    await harness.push(rows(3));
    assert.deepEqual(
      harness.rows().map(({ c }) => c),
      [0, 1, 2, 3],
    );
    const letters = harness.rows(deadLetterTag) as unknown as DeadLetter[];
    assert.deepEqual(
      letters.map(({ position }) => position),
      ['record 2 of subtask 0', 'record 4 of subtask 0'],
    );
    assert.match(letters[0]!.cause, /column 'c': 10; /);
    await harness.end();
    await harness.close(true);
  });

  it("fails at the first such row where onBadRecord is 'fail'", async () => {
    const harness = await open('fail');
    await assert.rejects(harness.push(rows(0, 10)), { code: 'RECORD_MALFORMED', message: /record 1 of subtask 0: .*column 'c': 10; .*"c":10/ });
    await harness.close();
  });
});
