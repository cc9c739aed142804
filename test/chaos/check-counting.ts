import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasRegionBeside, type ChaosCase } from './cases.js';
import type { Ground } from './ground.js';

const keys = 7;
const windowRecords = 1_000;

/**
 * Holds what the counting job has written against what it must write: each record once in the model's variable, in the sink, in
 * keyed counts and in windows.
 *
 * @param folder the job's `output`
 */
export async function checkCounting(
  { records, model, fault }: Pick<ChaosCase, 'records' | 'model'> & Partial<Pick<ChaosCase, 'fault'>>,
  folder: string,
  ground: Pick<Ground, 'rowsOf'>,
): Promise<void> {
  const { final } = JSON.parse(readFileSync(join(folder, 'model/model.json'), 'utf8')) as { final: boolean };
  assert.equal(final, true, 'the final model');
  if (model === 'counter')
    assert.equal(new Float32Array(Uint8Array.from(readFileSync(join(folder, 'model/weights.bin'))).buffer)[0], records, 'records in the variable');
  const predicted = (await ground.rowsOf('predictions')).map(({ n }) => Number(n));
  assert.equal(predicted.length, records, 'records in the sink');
  assert.equal(new Set(predicted).size, records, 'different records in the sink');
  await checkCounts(records, 'counts', ground);
  await checkWindows(records, ground);
  if (fault !== undefined && hasRegionBeside(fault)) await checkCounts(records, 'beside', ground);
}

async function checkCounts(records: number, name: 'counts' | 'beside', ground: Pick<Ground, 'rowsOf'>): Promise<void> {
  const seen = Array.from({ length: keys }, (): number[] => []);
  for (const row of await ground.rowsOf(name)) seen[Number(row['key'])]?.push(Number(row['seen']));
  seen.forEach((counts, key) => {
    const expected = Array.from({ length: Math.ceil((records - key) / keys) }, (_, i) => i + 1);
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      expected,
      `${name} of key ${key}`,
    );
  });
}

async function checkWindows(records: number, ground: Pick<Ground, 'rowsOf'>): Promise<void> {
  const windows = (await ground.rowsOf('windows')).map(
    (row) => `${Number(row['key'])} ${Date.parse(String(row['windowStart'] ?? row['start']))} ${Number(row['records'])}`,
  );
  assert.deepEqual(windows.sort(), expectedWindows(records).sort(), 'windows');
}

function expectedWindows(records: number): string[] {
  const counts = new Map<string, number>();
  for (let n = 0; n < records; n++) {
    const id = `${n % keys} ${1e12 + n - (n % windowRecords)}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].map(([id, count]) => `${id} ${count}`);
}
