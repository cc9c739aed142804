import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Brokers that the connector is tested against: the main leg, and the newest major. */
export type KafkaVersion = '3.9.1' | '4.1.0';

const run = promisify(execFile);
const mavenTimeoutMs = 300_000;
const lists = resolve(import.meta.dirname, '../../../test/kafka');

/** Why there can be no broker on this machine; undefined where there can. */
export async function missingForKafka(): Promise<string | undefined> {
  for (const [command, what] of [
    ['java', 'Java 17 (Debian: openjdk-17-jre-headless)'],
    ['mvn', 'Maven (Debian: maven)'],
  ] as const) {
    try {
      await run(command, ['-version'], { timeout: 60_000 });
    } catch {
      return `no Kafka broker here: ${what} is missing`;
    }
  }
  return undefined;
}

/**
 * Folder with the jars of a broker, fetched from Maven Central into the user's cache at the first call. Every call checks
 * each jar against the committed list of SHA-256 sums.
 */
export async function kafkaJars(version: KafkaVersion): Promise<string> {
  const sums = readSums(version);
  const folder = join(cacheFolder(), `kafka-${version}`);
  if (existsSync(folder)) {
    const problem = await check(folder, sums);
    if (problem === undefined) return folder;
    await rm(folder, { recursive: true, force: true });
  }
  const fetched = `${folder}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await fetchJars(version, fetched);
    const problem = await check(join(fetched, 'lib'), sums);
    if (problem !== undefined) throw new Error(`Kafka ${version} from Maven: ${problem}`);
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

function readSums(version: KafkaVersion): ReadonlyMap<string, string> {
  const lines = readFileSync(join(lists, `jars-${version}.sha256`), 'utf8')
    .trim()
    .split('\n');
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

/** kafka_2.13 and a logger; what Kafka compiles against but does not bring along. */
async function fetchJars(version: KafkaVersion, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const dependency = (group: string, artifact: string, of: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${of}</version></dependency>`;
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency('org.apache.kafka', 'kafka_2.13', version)}
${dependency('org.slf4j', 'slf4j-reload4j', '1.7.36')}
</dependencies></project>\n`;
  await writeFile(join(folder, 'pom.xml'), pom);
  try {
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime'], { cwd: folder, timeout: mavenTimeoutMs });
  } catch (thrown) {
    const { stdout, stderr } = thrown as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`Maven could not fetch Kafka ${version}:\n${`${stdout ?? ''}${stderr ?? ''}`.slice(-2000)}`, { cause: thrown });
  }
}
