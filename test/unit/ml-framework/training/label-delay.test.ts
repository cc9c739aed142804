import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordBatch } from '../../../../src/memory/batch.js';
import { t } from '../../../../src/memory/schema.js';
import type { BadRowOptions } from '../../../../src/ml-framework/training/bad-rows.js';
import { LabelDelay, type LabelTime } from '../../../../src/ml-framework/training/label-delay.js';
import { delayedSchema, orderColumn, phaseColumn } from '../../../../src/ml-framework/training/step-batch.js';
import { deadLetterSchema, deadLetterTag, type DeadLetter } from '../../../../src/stream/connector.js';
import { OperatorHarness } from '../../../../src/testing/operator-harness.js';

const schema = { n: t.int32(), known: t.float64() };

interface Row {
  n: number;
  known: number;
}

interface Step extends Row {
  [phaseColumn]: number;
  [orderColumn]: number;
}

const model: BadRowOptions['model'] = { name: 'm', badRows: (batch) => badNumbers(batch) };

/** The model below refuses -13. */
function badNumbers(batch: RecordBatch): readonly { row: number; column: string; cause: string }[] {
  return batch
    .column('n')
    .toArray()
    .flatMap((n, row) => (n === -13 ? [{ row, column: 'n', cause: '-13 brings bad luck' }] : []));
}

function open(batchSize: number, labelKnownAt: LabelTime = (row: Row) => row.known): Promise<OperatorHarness<Row, Step>> {
  return OperatorHarness.open<Row, Step>({
    schema,
    build: (input) =>
      input.transform<Step>({
        kind: 'label-delay',
        schema: delayedSchema(schema),
        sideOutputs: { [deadLetterTag]: deadLetterSchema },
        create: () => new LabelDelay({ name: 'delay', schema, batchSize, labelKnownAt, maxDelayMs: 100, model, onBadRecord: 'deadLetter' }),
      }),
  });
}

/** 'p1' predicts row 1, 'l1' learns it; steps in order. */
function steps(rows: readonly Step[]): string[] {
  const bySteps = new Map<number, string[]>();
  for (const row of rows) bySteps.set(row[orderColumn], [...(bySteps.get(row[orderColumn]) ?? []), `${row[phaseColumn] === 0 ? 'p' : 'l'}${row.n}`]);
  return [...bySteps.entries()].sort(([a], [b]) => a - b).map(([, step]) => step.join(' '));
}

const rows = [
  { n: 1, known: 15 },
  { n: 2, known: 35 },
  { n: 3, known: 31 },
  { n: 4, known: 100 },
];

describe('LabelDelay', () => {
  it('learns in the order in which labels are known, behind what is predicted before', async () => {
    const harness = await open(2);
    await harness.push([rows[2]!, rows[0]!, rows[1]!], [30, 10, 20]);
    await harness.push([rows[3]!], [40]);
    await harness.end();
    assert.deepEqual(steps(harness.rows()), ['p1 p2 p3 l1 l3', 'p4 l2 l4']);
    await harness.close(true);
  });

  it('sends nothing before the watermark allows it, and a prediction without labels after the longest wait', async () => {
    const harness = await open(2);
    await harness.push(rows, [10, 20, 30, 40]);
    assert.deepEqual(harness.rows(), []);
    await harness.watermark(20);
    assert.deepEqual(harness.rows(), []);
    await harness.advanceClock(100);
    assert.deepEqual(steps(harness.rows()), ['p1 p2']);
    await harness.end();
    assert.deepEqual(steps(harness.rows()), ['p1 p2', 'p3 l1 l3', 'p4 l2 l4']);
    await harness.close(true);
  });

  it('predicts and learns each row once across cuts anywhere', async () => {
    for (let cutAt = 0; cutAt <= 40; cutAt++) {
      let harness = await open(4);
      for (let n = 0; n < 40; n++) {
        if (n === cutAt) harness = await harness.restart();
        await harness.push([{ n, known: n * 10 + ((n * 37) % 90) }], [n * 10]);
        if (n % 3 === 0) await harness.watermark(n * 10);
      }
      if (cutAt === 40) harness = await harness.restart();
      await harness.end();
      const out = harness.rows();
      const of = (phase: number): number[] => out.filter((row) => row[phaseColumn] === phase).map(({ n }) => n);
      assert.deepEqual(
        of(0),
        Array.from({ length: 40 }, (_, n) => n),
        `predicted once, in order, with a cut at ${cutAt}`,
      );
      assert.deepEqual(
        of(1).sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, n) => n),
        `learned once with a cut at ${cutAt}`,
      );
      await harness.close(true);
    }
  });

  it('takes the time of the label from a column as from a function', async () => {
    const harness = await open(2, 'known');
    await harness.push(rows, [10, 20, 30, 40]);
    await harness.end();
    assert.deepEqual(steps(harness.rows()), ['p1 p2 p3 l1 l3', 'p4 l2 l4']);
    await harness.close(true);
  });

  it('learns a record whose label is known before its event right after its prediction', async () => {
    const harness = await open(2);
    await harness.push(
      [
        { n: 1, known: 5 },
        { n: 2, known: -100 },
        { n: 3, known: 25 },
      ],
      [10, 20, 30],
    );
    await harness.end();
    assert.deepEqual(steps(harness.rows()), ['p1 p2 l1 l2', 'p3 l3']);
    await harness.close(true);
  });

  it('sends a row that the model refuses to the dead letters, with position and cause, and keeps steps exact', async () => {
    const harness = await open(2);
    await harness.push([rows[0]!, { n: -13, known: 17 }, rows[1]!, rows[2]!, rows[3]!], [10, 15, 20, 30, 40]);
    await harness.end();
    assert.deepEqual(steps(harness.rows()), ['p1 p2 p3 l1 l3', 'p4 l2 l4']);
    const [letter, ...more] = harness.rows(deadLetterTag) as unknown as DeadLetter[];
    assert.equal(more.length, 0);
    assert.equal(letter?.position, 'record 1 of subtask 0');
    assert.equal(letter.code, 'RECORD_MALFORMED');
    assert.equal(letter.cause, "model m: column 'n': -13 brings bad luck");
    assert.deepEqual(JSON.parse(letter.record), { n: -13, known: 17 });
    await harness.close(true);
  });

  it('refuses a label time that is none', async () => {
    const harness = await open(2);
    await assert.rejects(harness.push([{ n: 1, known: Number.NaN }], [10]), { code: 'USER_FUNCTION' });
    await harness.close();
  });
});
