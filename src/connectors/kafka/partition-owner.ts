import type { TopicPartition } from './client.js';

/**
 * The subtask that a partition belongs to when it is met for the first time: partitions of a topic go around, from a
 * subtask that the topic's name decides. Every subtask comes to the same answer by itself, whatever it knows of the others,
 * so partitions that are new to a running job need no coordinator. A restore may deal partitions otherwise; those stay
 * where they are.
 */
export function ownerOf({ topic, partition }: TopicPartition, parallelism: number): number {
  let start = 0;
  for (let i = 0; i < topic.length; i++) start = (Math.imul(start, 31) + topic.charCodeAt(i)) >>> 0;
  return ((start % parallelism) + partition) % parallelism;
}

export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** All partitions of topics with these counts. */
export function allPartitions(counts: ReadonlyMap<string, number>): TopicPartition[] {
  return [...counts].flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
}
