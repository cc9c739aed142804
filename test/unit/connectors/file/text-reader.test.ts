import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { CsvScanner } from '../../../../src/connectors/file/csv-scanner.js';
import { jsonlScanner } from '../../../../src/connectors/file/jsonl-scanner.js';
import { TextReader, type RecordScanner } from '../../../../src/connectors/file/text-reader.js';
import type { BadRecord } from '../../../../src/connectors/dead-letters.js';
import { t, type Schema } from '../../../../src/memory/schema.js';
import { withFolder } from '../harness.js';

const schema = { a: t.string(), b: t.nullable(t.int32()) } satisfies Schema;
const csvScanner = (header: readonly string[] = ['a', 'b'], skipHeader = false): RecordScanner =>
  new CsvScanner(schema, header, skipHeader, { delimiter: ',', nullValue: '' });

interface Read {
  readonly rows: unknown[];
  readonly bad: BadRecord[];
  /** Position after each read. */
  readonly positions: number[];
}

async function readText(
  text: string | Uint8Array,
  scanner: RecordScanner,
  { position = 0, maxRecordBytes = 1000, blockBytes = 1 << 16, maxRows = 1000, maxReads = Infinity } = {},
): Promise<Read> {
  return withFolder(async (folder) => {
    const path = join(folder, 'in');
    writeFileSync(path, text);
    const reader = await TextReader.open(scanner, position, { path, maxRecordBytes, blockBytes });
    const read: Read = { rows: [], bad: [], positions: [] };
    for (let reads = 0, done = false; !done && reads < maxReads; reads++) {
      const result = await reader.read(maxRows);
      read.rows.push(...(result.batch?.rows() ?? []));
      read.bad.push(...result.bad.map((record) => ({ ...record, where: 'in' })));
      read.positions.push(result.position);
      done = result.done;
    }
    await reader.close();
    return read;
  });
}

test('a malformed line becomes a bad record with line, byte, cause and original, and the lines around it are read', async () => {
  const { rows, bad } = await readText('{"a":"x","b":1}\n\n{"a":"y"\r\n{"a":"z","b":"2"}\n{"b":3}\n[1]\n{"a":"é"}', jsonlScanner(schema));
  assert.deepEqual(rows, [
    { a: 'x', b: 1 },
    { a: 'é', b: null },
  ]);
  assert.deepEqual(
    bad.map(({ code, position, record }) => [code, position, record]),
    [
      ['RECORD_MALFORMED', 'line 3, byte 17', '{"a":"y"\r'],
      ['RECORD_MALFORMED', 'line 4, byte 27', '{"a":"z","b":"2"}'],
      ['RECORD_MALFORMED', 'line 5, byte 45', '{"b":3}'],
      ['RECORD_MALFORMED', 'line 6, byte 53', '[1]'],
    ],
  );
  assert.match(bad[0]?.cause ?? '', /not JSON/);
  assert.match(bad[1]?.cause ?? '', /column 'b': "2" is no int32\?/);
  assert.match(bad[2]?.cause ?? '', /column 'a' is missing/);
});

test('bytes that are not UTF-8 are kept as base64 in the bad record', async () => {
  const { rows, bad } = await readText(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n{"a":"\ufffd"}\n')]), jsonlScanner(schema));
  assert.deepEqual(rows, [{ a: '\ufffd', b: null }]);
  assert.equal(bad[0]?.cause, 'not valid UTF-8');
  assert.equal(bad[0]?.record, `base64:${Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]).toString('base64')}`);
});

test('a record over the size limit is reported once and skipped, whether or not it fits a block', async () => {
  const long = `{"a":"${'x'.repeat(200)}"}`;
  for (const blockBytes of [8, 64, 4096]) {
    const { rows, bad } = await readText(`{"a":"1"}\n${long}\n{"a":"2"}\n`, jsonlScanner(schema), { maxRecordBytes: 40, blockBytes });
    assert.deepEqual(
      rows.map((row) => (row as { a: string }).a),
      ['1', '2'],
      `block ${blockBytes}`,
    );
    assert.deepEqual(
      bad.map(({ code, position }) => [code, position]),
      [['RECORD_TOO_LARGE', 'line 2, byte 10']],
    );
    assert.match(bad[0]?.cause ?? '', /more than 40 bytes \(option maxRecordBytes\)/);
  }
});

test('an unclosed quote costs its own line only', async () => {
  const { rows, bad } = await readText('x,1\n"open,2\ny,3\nz,4\n', csvScanner());
  assert.deepEqual(rows, [
    { a: 'x', b: 1 },
    { a: 'y', b: 3 },
    { a: 'z', b: 4 },
  ]);
  assert.deepEqual(
    bad.map(({ cause, record }) => [cause, record]),
    [['field 1: the quote is not closed', '"open,2']],
  );
});

test('an unclosed quote in a large file is found at the size limit and costs its own line only', async () => {
  const lines = Array.from({ length: 100 }, (_, i) => `y,${i}\n`).join('');
  const { rows, bad } = await readText(`x,1\n"open,2\n${lines}`, csvScanner(), { maxRecordBytes: 50, blockBytes: 16 });
  assert.equal(rows.length, 101);
  assert.deepEqual(
    bad.map(({ code, record }) => [code, record]),
    [['RECORD_TOO_LARGE', '"open,2']],
  );
});

test('CSV records with text after a quote, too many fields or a wrong value are bad', async () => {
  const { rows, bad } = await readText('"a"b,1\nx,1,2\ny\nz,1.5\n"",\nw,-7\n', csvScanner());
  assert.deepEqual(rows, [
    { a: '', b: null },
    { a: 'w', b: -7 },
  ]);
  assert.deepEqual(
    bad.map(({ cause }) => cause),
    ['field 1: text after the closing quote', '3 fields, the file has 2 columns', '1 fields, the file has 2 columns', `column 'b': "1.5" is no int32?`],
  );
});

test('CSV columns are found by name, whatever their order, behind a byte order mark', async () => {
  const { rows } = await readText('\ufeffz,b,a\r\n9,1,x\r\n9,,"y\r\n"\r\n', csvScanner(['z', 'b', 'a'], true));
  assert.deepEqual(rows, [
    { a: 'x', b: 1 },
    { a: 'y\r\n', b: null },
  ]);
});

const csvText = fc.array(
  fc.array(fc.oneof(fc.constantFrom('', 'a', '"q""q"', '"x,y"', '"l\nl"', '"c\r\nc"', '" "', 'é', '"🙂,"', '12'), fc.stringMatching(/^[a-z ]{0,6}$/)), {
    minLength: 2,
    maxLength: 2,
  }),
  { minLength: 1, maxLength: 8 },
);

test('well-formed CSV is read as csv-parse reads it, in blocks of any size', async () => {
  const texts = { a: t.string(), b: t.string() } satisfies Schema;
  await fc.assert(
    fc.asyncProperty(csvText, fc.constantFrom('\n', '\r\n'), fc.boolean(), fc.integer({ min: 1, max: 40 }), async (records, lineEnd, lastEnd, blockBytes) => {
      const text = records.map((fields) => fields.join(',')).join(lineEnd) + (lastEnd ? lineEnd : '');
      const parsed: string[][] = parse(text, { relax_column_count: true });
      const expected = parsed.map(([a, b]) => ({ a, b }));
      const read = await readText(text, new CsvScanner(texts, ['a', 'b'], false, { delimiter: ',', nullValue: '' }), { blockBytes, maxRows: 2 });
      assert.deepEqual(read.bad, []);
      assert.deepEqual(read.rows, expected);
    }),
    { numRuns: 150 },
  );
});

test('reading on from any position gives the rest, bad records included', async () => {
  const line = fc.constantFrom('x,1', '"a\nb",2', '', 'bad', '"q"x,1', `"${'l'.repeat(60)}",3`, 'é,4', '"un"closed', ',,', '"never closed');
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 3 }), async (lines, blockBytes, maxRows) => {
      const text = lines.join('\n');
      const options = { blockBytes, maxRows, maxRecordBytes: 40 };
      const plain = await readText(text, csvScanner(), { ...options, blockBytes: 1 << 16, maxRows: 1000 });
      const { positions } = await readText(text, csvScanner(), options);
      for (let reads = 1; reads <= positions.length; reads++) {
        const before = await readText(text, csvScanner(), { ...options, maxReads: reads });
        const after = await readText(text, csvScanner(), { ...options, position: positions[reads - 1] as number });
        assert.deepEqual([...before.rows, ...after.rows], plain.rows);
        assert.deepEqual(
          [...before.bad, ...after.bad].map(({ code, record }) => [code, record]),
          plain.bad.map(({ code, record }) => [code, record]),
        );
      }
    }),
    { numRuns: 100 },
  );
});
