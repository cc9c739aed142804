import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Collector } from '../../../src/connectors/index.js';
import { createEmbeddedEngine, loadJob } from '../../../src/engines/embedded/index.js';
import { buildGraph } from '../../../src/stream/job.js';
import type { TensorValue } from '../../../src/tensorflow/tensor-value.js';
import { pythonJudge, readJudgeCases, writeJudgeCases } from '../../python/judge.js';

type Row = Readonly<Record<string, unknown>> & { readonly n: number };

async function scores(params: Readonly<Record<string, unknown>>): Promise<readonly Row[]> {
  const path = fileURLToPath(new URL('./support/saved-model-job.js', import.meta.url));
  const definition = await loadJob({ path });
  const collected = new Collector<Row>('scores');
  const job = await createEmbeddedEngine().submit({
    id: 'saved-model-test',
    name: definition.name,
    graph: buildGraph(definition, params),
    bundle: { path, hash: 'test' },
    params,
    parallelism: 1,
    keyGroups: 128,
    overrides: {},
    log: () => undefined,
    onReport: (report) => {
      collected.accept(report);
    },
  });
  await job.finished;
  return collected.rows;
}

/** Row `n` of what Python answered, as a column holds it. */
function answer({ dtype, shape, data }: TensorValue, n: number): unknown {
  const row = n % (shape[0] as number);
  if (shape.length === 2) return (data as Float32Array).slice(row * (shape[1] as number), (row + 1) * (shape[1] as number));
  if (dtype === 'string') return Buffer.from((data as readonly Uint8Array[])[row] as Uint8Array).toString();
  return dtype === 'int64' ? Number(data[row]) : data[row];
}

function assertSame(actual: unknown, expected: unknown, tolerance: number, where: string): void {
  if (!(expected instanceof Float32Array)) {
    assert.deepEqual(actual, expected, where);
    return;
  }
  const values = actual as Float32Array;
  assert.equal(values.length, expected.length, where);
  expected.forEach((value, i) => {
    assert.ok(Math.abs((values[i] as number) - value) <= tolerance, `${where}[${i}]: got ${values[i]}, Python has ${value}`);
  });
}

const cases = [
  { name: 'several/values', what: 'several inputs and outputs: vectors, int64 of both signs, bool and text', maxSize: 16 },
  { name: 'lookup/values', what: 'a table from text to int64', maxSize: 7 },
  { name: 'fixed-batch/exact', what: 'a model for exactly four rows, its last batch padded', maxSize: 4 },
  { name: 'fixed-batch/exact', what: 'a model for exactly four rows in batches of ten', maxSize: 10 },
];

const judge = await pythonJudge();
if ('skip' in judge) {
  test('score() agrees with Python TensorFlow', { skip: judge.skip }, () => undefined);
} else {
  const { folder } = writeJudgeCases(judge.python);
  const written = readJudgeCases(folder);
  test.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const rows = 203;
  for (const { name, what, maxSize } of cases) {
    for (const ordered of [true, false]) {
      test(`a job scores ${what} as Python does, ${ordered ? 'in order' : 'in any order'}`, { timeout: 120_000 }, async () => {
        const scored = await scores({ folder, case: name, rows, maxSize, ordered });
        const numbers = scored.map(({ n }) => n);
        assert.deepEqual(
          ordered ? numbers : numbers.toSorted((a, b) => a - b),
          Array.from({ length: rows }, (_, n) => n),
        );
        const found = written.find((each) => each.name === name);
        assert.ok(found);
        for (const row of scored)
          for (const [output, value] of Object.entries(found.expected))
            assertSame(row[output], answer(value, row.n), found.tolerance, `row ${row.n}, output ${output}`);
      });
    }
  }
}
