import { join, resolve } from 'node:path';
import { mavenJars, missingForJars } from '../jvm/maven-jars.js';

/** Clusters that the engine is tested against: the long-term release of 1.x, and the newest of 2.x. */
export type FlinkVersion = '1.20.3' | '2.2.0';
export const flinkVersions: readonly FlinkVersion[] = ['1.20.3', '2.2.0'];

const lists = resolve(import.meta.dirname, '../../../test/flink');
const log4jVersion = '2.24.3';

/** Why there can be no cluster on this machine; undefined where there can. */
export function missingForFlink(): Promise<string | undefined> {
  return missingForJars('Flink cluster');
}

/** Folder with the jars of a cluster; flink-runtime-web is what takes jars and runs them, ZooKeeper is among what comes along. */
export function flinkJars(version: FlinkVersion): Promise<string> {
  const artifacts = [
    ...['flink-clients', 'flink-streaming-java', 'flink-runtime-web'].map((artifact) => `org.apache.flink:${artifact}:${version}`),
    ...['log4j-slf4j-impl', 'log4j-core'].map((artifact) => `org.apache.logging.log4j:${artifact}:${log4jVersion}`),
  ];
  return mavenJars({ name: 'Flink', version, artifacts, sums: join(lists, `jars-${version}.sha256`) });
}
