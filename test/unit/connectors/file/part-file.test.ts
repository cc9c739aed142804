import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PartFile, publish } from '../../../../src/connectors/file/part-file.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-part-'));
after(() => rmSync(folder, { recursive: true }));

async function write(file: PartFile, text: string): Promise<void> {
  file.append(Buffer.from(text));
  await file.flush();
}

test('what a frozen predecessor still writes is in no file of its successor, whether that goes on or begins anew', async () => {
  for (const [name, take] of Object.entries({
    resumed: async (path: string) => PartFile.resume(path, 3, true),
    begun: async (path: string) => {
      const file = await PartFile.create(path);
      await write(file, 'cut');
      return file;
    },
  })) {
    const path = join(folder, name);
    const frozen = await PartFile.create(path);
    await write(frozen, 'cut');
    await frozen.sync();
    await write(frozen, ' void');
    const successor = await take(path);
    await write(successor, ' new');
    await write(frozen, ' ghost of more bytes');
    await write(successor, ' rows');
    await frozen.seal();
    await successor.seal();
    await publish(path);
    assert.equal(readFileSync(path, 'utf8'), 'cut new rows');
  }
  assert.deepEqual(readdirSync(folder).sort(), ['begun', 'resumed']);
});
