import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '../../../..');
const bin = join(root, 'node_modules/.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };

describe('proto', () => {
  it('keeps to the lint rules', () => {
    execFileSync('buf', ['lint'], { cwd: root, env });
  });

  it('is what the generated code was made of; npm run proto makes it again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-proto-'));
    try {
      execFileSync('buf', ['generate', '-o', folder], { cwd: root, env });
      const of = async (base: string): Promise<Map<string, string>> => {
        const path = join(base, 'src/rpc/generated/millrace/v1');
        const names = (await readdir(path)).sort();
        return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name), 'utf8')] as const)));
      };
      assert.deepEqual(await of(root), await of(folder));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
