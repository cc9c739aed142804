import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fromSystemError, MillraceError } from '../../core/errors.js';

const run = promisify(execFile);
const toolTimeoutMs = 60_000;
const buildTimeoutMs = 10 * 60_000;
const minJava = 17;

/** Java sources of the bridge, as they are in the package. */
const javaFolder = fileURLToPath(new URL('../../../../src/engines/flink/java/', import.meta.url));

/** What is needed to build the bridge and is not on this machine, with how to get it; undefined where all is there. */
export async function missingForBridge(): Promise<string | undefined> {
  if (!existsSync(join(javaFolder, 'pom.xml'))) return `its Java sources (${javaFolder}) are not in this installation`;
  const compiler = await output('javac', ['-version']);
  const version = Number(/javac (\d+)/.exec(compiler ?? '')?.[1]);
  const jdk = `a JDK of version ${minJava} or later (Debian: openjdk-17-jdk-headless)`;
  if (compiler === undefined) return `javac is missing: install ${jdk}`;
  if (!(version >= minJava)) return `javac is too old (${compiler}): install ${jdk}`;
  if ((await output('mvn', ['-version'])) === undefined) return 'mvn is missing: install Maven (Debian: maven)';
  return undefined;
}

/**
 * The built bridge in the cache. Its name holds a hash of what it is built from, so a package with other Java sources never
 * runs an old one.
 *
 * @throws SETUP_NEEDED where it has not been built; the message names what is missing for that
 */
export async function findBridgeJar(cacheDir: string): Promise<string> {
  const path = bridgeJarPath(cacheDir);
  if (existsSync(path)) return path;
  const missing = await missingForBridge();
  const fix = 'run: npx millrace setup';
  const todo = missing === undefined ? fix : `${missing}, then ${fix}`;
  throw new MillraceError('SETUP_NEEDED', `the Flink engine needs its bridge, a Java archive that is not built yet; ${todo}`, { details: { path, fix } });
}

export interface BuiltBridge {
  readonly path: string;
  /** False where it was there already. */
  readonly changed: boolean;
}

/**
 * Builds the bridge by Maven into the cache, where it is not there yet.
 *
 * @returns the jar, or what is missing to build it
 * @throws SETUP_FAILED
 */
export async function setupBridge(cacheDir: string): Promise<BuiltBridge | { readonly missing: string }> {
  const path = bridgeJarPath(cacheDir);
  if (existsSync(path)) return { path, changed: false };
  const missing = await missingForBridge();
  if (missing !== undefined) return { missing };
  await buildInto(path, join(cacheDir, 'flink'));
  return { path, changed: true };
}

async function buildInto(path: string, cacheFolder: string): Promise<void> {
  // A package may lie where its user cannot write, and Maven writes beside its pom.
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bridge-'));
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await cp(javaFolder, folder, { recursive: true, filter: (source) => !source.startsWith(join(javaFolder, 'target')) });
    await build(folder);
    const jar = (await readdir(join(folder, 'target'))).find(
      (name) => /^millrace-flink-[^/]*\.jar$/.test(name) && !/-(sources|tests|javadoc)\.jar$/.test(name),
    );
    if (jar === undefined) throw new MillraceError('SETUP_FAILED', 'building the Flink bridge: Maven made no millrace-flink-*.jar');
    await mkdir(cacheFolder, { recursive: true });
    await cp(join(folder, 'target', jar), temporary);
    await rename(temporary, path);
  } catch (thrown) {
    throw fromSystemError(thrown, 'building the Flink bridge', path);
  } finally {
    await rm(temporary, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

async function build(folder: string): Promise<void> {
  try {
    await run('mvn', ['-q', '-B', '-Dmaven.test.skip=true', 'package'], { cwd: folder, timeout: buildTimeoutMs });
  } catch (thrown) {
    const { stdout, stderr } = thrown as { readonly stdout?: string; readonly stderr?: string };
    const said = `${stdout ?? ''}${stderr ?? ''}`.trim().slice(-2000);
    throw new MillraceError('SETUP_FAILED', `building the Flink bridge: Maven failed${said === '' ? '' : `:\n${said}`}`, { cause: thrown });
  }
}

function bridgeJarPath(cacheDir: string): string {
  const hash = createHash('sha256');
  for (const name of ['pom.xml', ...sources('src/main')]) {
    const path = join(javaFolder, name);
    // Where there are no sources the name of the jar does not matter: findBridgeJar says so.
    if (existsSync(path)) hash.update(`${name}\n`).update(readFileSync(path));
  }
  return join(cacheDir, 'flink', `millrace-flink-${hash.digest('hex').slice(0, 16)}.jar`);
}

function sources(under: string): string[] {
  const folder = join(javaFolder, under);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(javaFolder.length))
    .sort();
}

/** What a command says of itself; undefined where there is no such command. */
async function output(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: toolTimeoutMs });
    return `${stdout}${stderr}`.trim();
  } catch {
    return undefined;
  }
}
