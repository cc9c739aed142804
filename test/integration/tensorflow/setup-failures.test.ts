import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isMillraceError } from '../../../src/core/index.js';
import { locateLibrary } from '../../../src/tensorflow/index.js';
import { bindingPath } from '../../../src/tensorflow/library/package-paths.js';
import { checkPlatform } from '../../../src/tensorflow/library/setup.js';

const tensorflow = new URL('../../../src/tensorflow/index.js', import.meta.url).href;

let folder: string;
let bin: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-setup-'));
  bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync('/usr/bin/env', join(bin, 'env'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program of ours in the place of a real one. */
function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** Runs setup in a process that finds programs in `path` only, and gives the error that it ends with. */
async function setup(options: object, path: readonly string[] = [bin]): Promise<Failure> {
  const script = `import { setupTensorFlow } from ${JSON.stringify(tensorflow)};
    const error = await setupTensorFlow({ cacheDir: ${JSON.stringify(join(folder, 'cache'))}, force: true, ...${JSON.stringify(options)} }).then(() => ({ code: 'OK' }), (e) => e);
    console.log(JSON.stringify({ code: error.code, message: error.message }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: path.join(delimiter) },
    cwd: dirname(fileURLToPath(import.meta.url)),
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Failure;
}

/** Only the cache's own folders may be left: no temporary file, no half library, no lock. */
function assertClean(): void {
  const left = readdirSync(join(folder, 'cache')).filter((name) => name !== 'wheels' && name !== 'bindings');
  assert.deepEqual(left, []);
}

test('without Python, without pip, without network and with an index that lacks the wheel, setup says what to do', async () => {
  const cases = [
    [undefined, /there is no Python\. Fix: install Python 3 with pip/],
    ['echo "/usr/bin/python3: No module named pip" >&2; exit 1', /Fix: install pip.*\n.*No module named pip/],
    ['echo "NewConnectionError: Failed to establish a new connection: Network is unreachable" >&2; exit 1', /Fix: check the network/],
    ['echo "ERROR: No matching distribution found for tensorflow-cpu==2.21.0" >&2; exit 1', /Fix: your package index has no tensorflow_cpu-2\.21\.0-cp311/],
    ['echo "OSError: [Errno 28] No space left on device" >&2; exit 1', /Fix: the disk is full/],
  ] as const;
  for (const [script, message] of cases) {
    if (script !== undefined) program('python3', script);
    const failure = await setup({});
    assert.equal(failure.code, 'SETUP_FAILED');
    assert.match(failure.message, message);
    assertClean();
  }
});

test('a wheel with another hash is refused and not kept', async () => {
  program('python3', 'while [ "$1" != "--dest" ]; do shift; done; echo "not the wheel" > "$2/tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"');
  const failure = await setup({});
  assert.equal(failure.code, 'SETUP_FAILED');
  assert.match(failure.message, /has the SHA-256 [0-9a-f]{64}, wanted 2b847d21/);
  assertClean();
});

test('without a compiler, and with one that fails, the installed binding stays as it is', async () => {
  const libraryDir = dirname(locateLibrary().cc);
  const before = statSync(bindingPath());
  const missing = await setup({ libraryDir });
  assert.match(missing.message, /there is no C\+\+ compiler \(tried g\+\+, c\+\+, clang\+\+\)\. Fix: install one/);
  program('g++', 'echo "tfjs_binding.cc:1: error: out of luck" >&2; exit 1');
  const failing = await setup({ libraryDir });
  assert.match(failing.message, /g\+\+ could not compile.*\n.*out of luck/);
  assertClean();
  assert.deepEqual([statSync(bindingPath()).ino, statSync(bindingPath()).mtimeMs], [before.ino, before.mtimeMs]);
});

test('a folder without a library is refused with what was looked for', async () => {
  const failure = await setup({ libraryDir: folder });
  assert.equal(failure.code, 'SETUP_FAILED');
  assert.match(failure.message, /has no TensorFlow library \(looked for libtensorflow_cc\.so\.2/);
});

test('a platform without a wheel is told what it can do', () => {
  assert.throws(
    () => checkPlatform('darwin', 'arm64'),
    (thrown: unknown) => isMillraceError(thrown) && thrown.code === 'PLATFORM_UNSUPPORTED' && /darwin arm64.*MILLRACE_LIBTENSORFLOW/.test(thrown.message),
  );
});
