import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { cacheDir, repository } from '../python/judge.js';

const run = promisify(execFile);
const deadlineMs = 5 * 60_000;

let folder: string;
let tarball: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-install-'));
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: repository, timeout: deadlineMs });
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) as string);
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function emptyProject(name: string): string {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, version: '1.0.0', private: true, type: 'module' }));
  return project;
}

async function node(project: string, script: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: project, timeout: deadlineMs });
  return stdout.trim();
}

// npm 10 comes with Node 20 and 22, npm 11 with what follows; both run all preinstall scripts before any install script.
for (const [name, npm] of [
  ['the npm at hand', ['npm']],
  ['npm 10', ['npx', '--yes', 'npm@10.8.2']],
] as const) {
  test(`${name} installs the package into an empty project, and set-up makes its tfjs-node work`, { timeout: 2 * deadlineMs }, async () => {
    const project = emptyProject(name.replaceAll(' ', '-'));
    const [program, ...args] = npm;
    await run(program, [...args, 'install', '--no-audit', '--no-fund', '--ignore-scripts=false', tarball], { cwd: project, timeout: deadlineMs });
    assert.match(
      await node(project, "import { loadTfjs } from 'millrace/tensorflow'; await loadTfjs().catch((e) => console.log(e.code, e.message));"),
      /^SETUP_NEEDED .*npx millrace setup/,
    );
    const cli = join(project, 'node_modules', 'millrace', 'dist', 'src', 'cli', 'main.js');
    if (existsSync(cli)) await run('npx', ['--no-install', 'millrace', 'setup'], { cwd: project, timeout: deadlineMs });
    else await node(project, `import { setupTensorFlow } from 'millrace/tensorflow'; await setupTensorFlow({ cacheDir: ${JSON.stringify(cacheDir)} });`);
    assert.equal(
      await node(project, "import { loadTfjs } from 'millrace/tensorflow'; const tf = await loadTfjs(); console.log(tf.add(40, 2).dataSync()[0]);"),
      '42',
    );
  });
}
