import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { KafkaBroker } from './kafka-broker.js';

const run = promisify(execFile);

export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers?: readonly string[];
  readonly ts: number;
}

/** Why kcat cannot be used; undefined where it can. */
export async function missingKcat(): Promise<string | undefined> {
  try {
    await run('kcat', ['-V'], { timeout: 10_000 });
    return undefined;
  } catch {
    return 'kcat is missing (Debian: kcat)';
  }
}

/** Everything in a topic, by another client: librdkafka's kcat. */
export async function readTopic(
  broker: KafkaBroker,
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
): Promise<ReadRecord[]> {
  const { stdout } = await run('kcat', ['-b', broker.address, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J', '-X', `isolation.level=${isolation}`], {
    timeout: 60_000,
    maxBuffer: 512 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ReadRecord);
}
