import { join, resolve } from 'node:path';
import { mavenJars, missingForJars } from '../jvm/maven-jars.js';

/** Brokers that the connector is tested against: the main leg, and the newest major. */
export type KafkaVersion = '3.9.1' | '4.1.0';

const lists = resolve(import.meta.dirname, '../../../test/kafka');

/** Why there can be no broker on this machine; undefined where there can. */
export function missingForKafka(): Promise<string | undefined> {
  return missingForJars('Kafka broker');
}

/** Folder with the jars of a broker: Kafka, and a logger, which it compiles against but does not bring along. */
export function kafkaJars(version: KafkaVersion): Promise<string> {
  const artifacts = [`org.apache.kafka:kafka_2.13:${version}`, 'org.slf4j:slf4j-reload4j:1.7.36'];
  return mavenJars({ name: 'Kafka', version, artifacts, sums: join(lists, `jars-${version}.sha256`) });
}
