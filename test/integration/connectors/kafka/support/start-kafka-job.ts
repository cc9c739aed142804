import { Collector } from '../../../../../src/connectors/index.js';
import type { DeadLetter } from '../../../../../src/stream/connector.js';
import { startJob, type Started } from '../../../engines/embedded/support/start.js';
import type { KafkaJobOptions } from './kafka-job.js';

export interface Row {
  readonly id: number;
  readonly name: string;
  readonly key: string | null;
  readonly writtenAt: Date;
  readonly from: number;
  readonly trace: string | null;
}

export interface KafkaJob extends Started {
  rows(): Row[];
  letters(): DeadLetter[];
  ids(): number[];
}

export async function startKafkaJob(options: KafkaJobOptions): Promise<KafkaJob> {
  const started = await startJob('../../../connectors/kafka/support/kafka-job.js', { options: JSON.stringify(options) });
  const collected = <T>(name: string): T[] => {
    const collector = new Collector<T>(name);
    for (const report of started.reports) collector.accept(report);
    return [...collector.rows];
  };
  return {
    ...started,
    rows: () => collected<Row>('rows'),
    letters: () => collected<DeadLetter>('letters'),
    ids: () => collected<Row>('rows').map(({ id }) => id),
  };
}

export const sorted = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
