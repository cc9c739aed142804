import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { csvSink, jsonlSink, jsonlSource, parquetSink } from '../../../../src/connectors/index.js';
import { t } from '../../../../src/memory/schema.js';
import type { StateChunk, Subtask } from '../../../../src/stream/subtask.js';
import { batchesOf, cutSink, dealOut, endSink, openSink, runSource, withFolder, writeAll } from '../harness.js';

const schema = { id: t.int32() };
const rowsOf = (from: number, to: number): { id: number }[] => Array.from({ length: to - from }, (_, i) => ({ id: from + i }));
const lines = (from: number, to: number): string =>
  rowsOf(from, to)
    .map(({ id }) => `{"id":${id}}\n`)
    .join('');

async function write(subtask: Subtask, from: number, to: number): Promise<void> {
  for (const batch of batchesOf(schema, rowsOf(from, to), 10)) await subtask.process(batch, 0);
}

test('a file has its name once it is finished, and an older one stays until then', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'made', 'for', 'it.jsonl');
    await writeAll(jsonlSink(path), schema, rowsOf(0, 2));
    const { subtask } = await openSink(jsonlSink(path), schema);
    await write(subtask, 5, 9);
    await cutSink(subtask, 1);
    assert.equal(readFileSync(`${path}.inprogress`, 'utf8'), lines(5, 9));
    assert.equal(readFileSync(path, 'utf8'), lines(0, 2));
    await endSink(subtask);
    assert.equal(readFileSync(path, 'utf8'), lines(5, 9));
    assert.ok(!existsSync(`${path}.inprogress`));
  });
});

test('a stream without rows leaves a file: empty, with a header, or readable Parquet', async () => {
  await withFolder(async (folder) => {
    await writeAll(jsonlSink(join(folder, 'a.jsonl')), schema, []);
    await writeAll(csvSink(join(folder, 'a.csv')), schema, []);
    await writeAll(parquetSink(join(folder, 'a.parquet')), schema, []);
    assert.equal(readFileSync(join(folder, 'a.jsonl'), 'utf8'), '');
    assert.equal(readFileSync(join(folder, 'a.csv'), 'utf8'), 'id\n');
    assert.equal(readFileSync(join(folder, 'a.parquet')).toString('latin1', 0, 4), 'PAR1');
  });
});

test('a cancelled job leaves what it has written under the unfinished name', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    const { subtask } = await openSink(jsonlSink(path), schema);
    await write(subtask, 0, 4);
    await subtask.close?.(false);
    assert.equal(readFileSync(`${path}.inprogress`, 'utf8'), lines(0, 4));
    assert.ok(!existsSync(path));
  });
});

test('rows reach the file after flushMs, without a cut', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    const { subtask, recorded } = await openSink(jsonlSink(path, { flushMs: 50 }), schema, { clock: { now: () => 1000, after: () => () => undefined } });
    await write(subtask, 0, 20);
    assert.deepEqual(recorded.timers, [1050]);
    assert.equal(readFileSync(`${path}.inprogress`, 'utf8'), '');
    await subtask.onProcessingTime?.(1050);
    assert.equal(readFileSync(`${path}.inprogress`, 'utf8'), lines(0, 20));
    await subtask.close?.(false);
  });
});

test('an engine without a final cut still gets finished files', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    const { subtask } = await openSink(jsonlSink(path), schema);
    await write(subtask, 0, 4);
    await subtask.endOfInput?.(0);
    await subtask.close?.(true);
    assert.equal(readFileSync(path, 'utf8'), lines(0, 4));
  });
});

test('a file that was finished at a cut and not yet renamed is renamed after the restore', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    const { subtask: lost } = await openSink(jsonlSink(path), schema);
    await write(lost, 0, 4);
    await lost.endOfInput?.(0);
    const frozen = lost.freeze?.(7);
    const chunks: StateChunk[] = [...(frozen?.parts() as Iterable<StateChunk>)];
    const { subtask } = await openSink(jsonlSink(path), schema, { restored: true }, chunks);
    assert.equal(readFileSync(path, 'utf8'), lines(0, 4));
    await endSink(subtask);
    // Once more, as after a crash between the rename and the next cut.
    const again = await openSink(jsonlSink(path), schema, { restored: true }, chunks);
    await endSink(again.subtask);
    assert.equal(readFileSync(path, 'utf8'), lines(0, 4));
  });
});

test('a directory gets part files of parallel subtasks, which survive a change of parallelism exactly once', async () => {
  for (const [before, after] of [
    [1, 3],
    [3, 1],
    [2, 2],
  ] as const) {
    await withFolder(async (folder) => {
      const sink = jsonlSink(`${folder}/`, { partBytes: 1000 });
      assert.equal(sink.maxParallelism, undefined);
      const chunks: StateChunk[] = [];
      for (let index = 0; index < before; index++) {
        const { subtask } = await openSink(sink, schema, { index, parallelism: before });
        await write(subtask, index * 100, index * 100 + 50);
        chunks.push(...(await cutSink(subtask, 1)));
        await write(subtask, index * 100 + 50, index * 100 + 60);
        await subtask.close?.(false);
      }
      const dealt = dealOut(chunks, after);
      for (let index = 0; index < after; index++) {
        const { subtask } = await openSink(sink, schema, { index, parallelism: after, restored: true, attempt: 1 }, dealt[index]);
        if (index < before) for (let lost = index; lost < before; lost += after) await write(subtask, lost * 100 + 50, lost * 100 + 100);
        await endSink(subtask);
      }
      const read = await runSource(jsonlSource(folder, schema));
      assert.deepEqual(
        (read.rows as { id: number }[]).map(({ id }) => id).sort((a, b) => a - b),
        rowsOf(0, before * 100).map(({ id }) => id),
        `${before} -> ${after}`,
      );
      assert.deepEqual(
        readdirSync(folder).filter((name) => !/^part-test-1-\d-\d-\d\.jsonl$/.test(name)),
        [],
      );
    });
  }
});

test('a part file of partBytes is finished at the next complete cut', async () => {
  await withFolder(async (folder) => {
    mkdirSync(join(folder, 'out'));
    const { subtask } = await openSink(jsonlSink(join(folder, 'out'), { partBytes: 100 }), schema);
    await write(subtask, 0, 50);
    await cutSink(subtask, 1);
    await write(subtask, 50, 51);
    assert.deepEqual(readdirSync(join(folder, 'out')).sort(), ['part-test-1-0-0-0.jsonl', 'part-test-1-0-0-1.jsonl.inprogress']);
    await endSink(subtask);
    assert.deepEqual(readdirSync(join(folder, 'out')).sort(), ['part-test-1-0-0-0.jsonl', 'part-test-1-0-0-1.jsonl']);
  });
});

test('a new part takes no name that is taken, by an unfinished part of another subtask or by a finished one', async () => {
  await withFolder(async (folder) => {
    const sink = jsonlSink(`${folder}/`);
    const { subtask: first } = await openSink(sink, schema);
    await write(first, 0, 4);
    const chunks = await cutSink(first, 1);
    await first.close?.(false);
    // Attempts are counted anew, and the second subtask has the part of the first one.
    const { subtask: other } = await openSink(sink, schema, { index: 1, parallelism: 2, restored: true }, chunks);
    const { subtask: again } = await openSink(sink, schema, { index: 0, parallelism: 2, restored: true });
    await write(again, 10, 12);
    await write(other, 4, 6);
    await endSink(other);
    await endSink(again);
    const { subtask: third } = await openSink(sink, schema);
    await write(third, 20, 21);
    await endSink(third);
    assert.deepEqual(
      readdirSync(folder)
        .sort()
        .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
      [
        ['part-test-1-0-0-0.jsonl', lines(0, 6)],
        ['part-test-1-0-0-1.jsonl', lines(10, 12)],
        ['part-test-1-0-0-2.jsonl', lines(20, 21)],
      ],
    );
  });
});

test('a full disk is DISK_FULL with the path', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    // The kernel's device that has no room.
    symlinkSync('/dev/full', `${path}.inprogress`);
    const { subtask } = await openSink(jsonlSink(path), schema);
    await write(subtask, 0, 4);
    await assert.rejects(async () => subtask.prepareSnapshot?.(1), { code: 'DISK_FULL', message: /a\.jsonl\.inprogress: no space left/ });
    await subtask.close?.(false);
  });
});

test('a path below a file cannot be written, and validate says so', async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    const sink = jsonlSink(join(folder, 'file', 'a.jsonl'));
    assert.match(sink.validate?.(schema)[0] ?? '', /cannot be written, .*file is not a directory/);
    assert.deepEqual(jsonlSink(join(folder, 'new', 'a.jsonl')).validate?.(schema), []);
  });
});

test('a file that was made shorter by somebody else is STATE_INVALID', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    const { subtask } = await openSink(jsonlSink(path), schema);
    await write(subtask, 0, 10);
    const chunks = await cutSink(subtask, 1);
    await subtask.close?.(false);
    writeFileSync(`${path}.inprogress`, '');
    await assert.rejects(openSink(jsonlSink(path), schema, { restored: true }, chunks), { code: 'STATE_INVALID', message: /has 0 bytes, the cut has 90/ });
  });
});

test('schemaless rows are written as JSON, one line each', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'a.jsonl');
    await writeAll(jsonlSink(path), undefined, [
      0.5,
      'a\nb',
      null,
      undefined,
      { at: new Date(0), big: 2n ** 60n, bytes: new Uint8Array([1]), f: Float32Array.of(1, NaN), n: [Infinity] },
    ]);
    assert.equal(
      readFileSync(path, 'utf8'),
      '0.5\n"a\\nb"\nnull\nnull\n{"at":"1970-01-01T00:00:00.000Z","big":"1152921504606846976","bytes":"AQ==","f":[1,"NaN"],"n":["Infinity"]}\n',
    );
  });
});
