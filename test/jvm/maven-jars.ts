import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const mavenTimeoutMs = 300_000;

/** A server that runs from its jars on Maven Central. */
export interface JarSet {
  /** Shown in messages; with the version, the name of its folder in the cache. */
  readonly name: string;
  readonly version: string;
  /** `group:artifact:version` of what is asked for; what these need at run time comes along. */
  readonly artifacts: readonly string[];
  /** The artifacts alone, without what they need at run time. Default false. */
  readonly alone?: boolean;
  /** Committed list of SHA-256 sums, as sha256sum writes it. */
  readonly sums: string;
}

/** What is needed to run jars and is not on this machine; undefined where nothing is missing. */
export async function missingForJars(what: string): Promise<string | undefined> {
  for (const [command, product] of [
    ['java', 'Java 17 (Debian: openjdk-17-jre-headless)'],
    ['mvn', 'Maven (Debian: maven)'],
  ] as const) {
    try {
      await run(command, ['-version'], { timeout: 60_000 });
    } catch {
      return `no ${what} here: ${product} is missing`;
    }
  }
  return undefined;
}

/**
 * Folder with the jars, fetched from Maven Central into the user's cache at the first call. Every call checks each jar
 * against the committed list of sums.
 */
export async function mavenJars(set: JarSet): Promise<string> {
  const sums = readSums(set.sums);
  const folder = join(cacheFolder(), `${set.name.toLowerCase()}-${set.version}`);
  if (existsSync(folder)) {
    const problem = await check(folder, sums);
    if (problem === undefined) return folder;
    await rm(folder, { recursive: true, force: true });
  }
  const fetched = `${folder}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await fetchJars(set, fetched);
    const problem = await check(join(fetched, 'lib'), sums);
    if (problem !== undefined) throw new Error(`${set.name} ${set.version} from Maven: ${problem}`);
    // Somebody else may have been faster; theirs is as good.
    await rename(join(fetched, 'lib'), folder).catch((thrown: unknown) => {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw thrown;
    });
    return folder;
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
}

/** The same cache as that of the native TensorFlow library. */
function cacheFolder(): string {
  const { MILLRACE_CACHE_DIR: own, XDG_CACHE_HOME: xdg } = process.env;
  if (own !== undefined && own !== '') return own;
  return xdg === undefined || xdg === '' ? join(homedir(), '.cache', 'millrace') : join(xdg, 'millrace');
}

function readSums(list: string): ReadonlyMap<string, string> {
  const lines = readFileSync(list, 'utf8').trim().split('\n');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

async function check(folder: string, sums: ReadonlyMap<string, string>): Promise<string | undefined> {
  for (const [name, sum] of sums) {
    const path = join(folder, name);
    if (!existsSync(path)) return `${name} is missing`;
    const found = await sha256(path);
    if (found !== sum) return `${name} has SHA-256 ${found}, expected ${sum}`;
  }
  return undefined;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function fetchJars({ name, version, artifacts, alone = false }: JarSet, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const exclusions = alone ? '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>' : '';
  const dependencies = artifacts.map((artifact) => {
    const [group, id, of] = artifact.split(':') as [string, string, string];
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${of}</version>${exclusions}</dependency>\n`;
  });
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>${name.toLowerCase()}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependencies.join('')}</dependencies></project>\n`;
  await writeFile(join(folder, 'pom.xml'), pom);
  try {
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'], { cwd: folder, timeout: mavenTimeoutMs });
  } catch (thrown) {
    const { stdout, stderr } = thrown as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`Maven could not fetch ${name} ${version}:\n${`${stdout ?? ''}${stderr ?? ''}`.slice(-2000)}`, { cause: thrown });
  }
}
