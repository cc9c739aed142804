import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileFailed, runCommand, setupFailed, type CommandResult } from './run-command.js';
import { tellStep, type OnSetupProgress } from './setup-progress.js';
import { unpackMembers } from './unpack-wheel.js';
import { unpackedBytes, wheel, wheelMembers } from './wheel.js';

const downloadDeadlineMs = 30 * 60_000;
const reportMs = 500;

/**
 * The unpacked library below `cacheDir`, fetched where it is not there yet. The folder appears whole or not at all.
 *
 * Call it under the setup lock. @throws SETUP_FAILED
 */
export async function fetchLibrary(cacheDir: string, tell: OnSetupProgress): Promise<string> {
  const target = join(cacheDir, `tensorflow-${wheel.version}-${wheel.sha256.slice(0, 12)}`);
  if (await exists(target)) return target;
  await removeLeftovers(cacheDir);
  await checkSpace(cacheDir);
  const temporary = join(cacheDir, `tmp-${randomUUID()}`);
  try {
    await mkdir(temporary, { recursive: true });
    const archive = await fetchWheel(cacheDir, temporary, tell);
    const unpacked = join(temporary, 'library');
    await tellStep(tell, 'unpack', 'two libraries and their headers', async () => {
      let bytes = 0;
      await unpackMembers(
        archive,
        wheelMembers,
        unpacked,
        throttled(
          (count) => tell({ step: 'unpack', state: 'running', detail: 'unpacking', bytes: count, totalBytes: unpackedBytes }),
          (more) => (bytes += more),
        ),
      );
    });
    await rename(unpacked, target);
    return target;
  } catch (thrown) {
    throw fileFailed(`fetching TensorFlow ${wheel.version} into ${cacheDir}`, thrown);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Sums up with `add` and passes the sum on a few times a second. */
function throttled(report: (sum: number) => void, add: (more: number) => number): (more: number) => void {
  let last = Date.now();
  return (more) => {
    const sum = add(more);
    if (Date.now() - last < reportMs) return;
    last = Date.now();
    report(sum);
  };
}

/** The checked wheel: kept in the cache, so that a second unpacking needs no network. */
async function fetchWheel(cacheDir: string, temporary: string, tell: OnSetupProgress): Promise<string> {
  const kept = join(cacheDir, 'wheels', wheel.fileName);
  if (await exists(kept)) {
    if ((await check(kept, tell)) === wheel.sha256) return kept;
    await rm(kept);
  }
  const folder = join(temporary, 'download');
  await mkdir(folder);
  await tellStep(tell, 'download', `${wheel.name} ${wheel.version} by pip`, () => download(folder, tell));
  const [name, ...others] = (await readdir(folder)).filter((file) => file.endsWith('.whl'));
  if (name === undefined || others.length > 0) throw setupFailed(`pip left no single wheel in ${folder}`, 'run setup again');
  const downloaded = join(folder, name);
  const sha256 = await check(downloaded, tell);
  if (sha256 !== wheel.sha256) {
    throw setupFailed(
      `${name} has the SHA-256 ${sha256}, wanted ${wheel.sha256}`,
      'the file is damaged or another one: check your package index (pip config list) and run setup again',
    );
  }
  await mkdir(join(cacheDir, 'wheels'), { recursive: true });
  await rename(downloaded, kept);
  return kept;
}

async function check(path: string, tell: OnSetupProgress): Promise<string> {
  return tellStep(tell, 'check', 'SHA-256 of the wheel', async () => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
    return hash.digest('hex');
  });
}

async function download(folder: string, tell: OnSetupProgress): Promise<void> {
  const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir', '--disable-pip-version-check', '--progress-bar', 'off'];
  const which = [
    '--python-version',
    wheel.python,
    '--implementation',
    'cp',
    '--abi',
    wheel.abi,
    ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
  ];
  // pip downloads into TMPDIR first; there, its progress can be seen, and nothing stays behind on another disk.
  const command = (python: string): string[] => [`TMPDIR=${folder}`, python, ...pip, ...which, '--dest', folder, `${wheel.name}==${wheel.version}`];
  const timer = setInterval(() => {
    void sizeBelow(folder).then((bytes) =>
      tell({ step: 'download', state: 'running', detail: wheel.name, bytes: Math.min(bytes, wheel.bytes), totalBytes: wheel.bytes }),
    );
  }, reportMs);
  try {
    // `env` answers 127 where the program does not exist.
    let result = await runCommand('env', command('python3'), downloadDeadlineMs);
    if (result?.code === 127) result = await runCommand('env', command('python'), downloadDeadlineMs);
    if (result === undefined || result.code === 127) throw setupFailed('there is no Python', 'install Python 3 with pip (Debian: apt-get install python3-pip)');
    if (result.code !== 0) throw setupFailed(`pip could not fetch ${wheel.name} ${wheel.version}`, pipFix(result), result.tail);
  } finally {
    clearInterval(timer);
  }
}

function pipFix({ tail }: CommandResult): string {
  if (/No module named '?pip/.test(tail)) return 'install pip (Debian: apt-get install python3-pip; elsewhere: python3 -m ensurepip)';
  if (/No space left on device/i.test(tail)) return 'the disk is full: free 1.5 GB, or give another cache directory (XDG_CACHE_HOME)';
  if (/NewConnectionError|ConnectTimeout|name resolution|Network is unreachable|ProxyError|Connection refused|timed out|SSLError/i.test(tail)) {
    return "check the network and pip's index and proxy settings (pip config list), or set MILLRACE_LIBTENSORFLOW to a library that is already there";
  }
  if (/No matching distribution|Could not find a version/i.test(tail)) {
    return `your package index has no ${wheel.fileName}; check pip's index settings (pip config list) and the network, or set MILLRACE_LIBTENSORFLOW to a library that is already there`;
  }
  return "see pip's message above the fold: run it again once that is solved";
}

async function sizeBelow(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) =>
        stat(join(file.parentPath, file.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What a setup that was killed has left; we hold the lock, so nobody uses it. */
async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (name.startsWith('tmp-')) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

async function checkSpace(cacheDir: string): Promise<void> {
  const { bavail, bsize } = await statfs(cacheDir);
  const needed = unpackedBytes + wheel.bytes + 100_000_000;
  if (bavail * bsize < needed) {
    throw setupFailed(
      `${cacheDir} has ${Math.round((bavail * bsize) / 1e6)} MB free, setup needs ${Math.round(needed / 1e6)} MB`,
      'free some, or give another cache directory (XDG_CACHE_HOME)',
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
