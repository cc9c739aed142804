import { Random } from '../../../src/testing/simulation/random.js';
import { drawHits } from '../cases.js';

/** What is killed, from outside. */
export const flinkFaults = ['Node host killed', 'TaskManager killed', 'JobManager killed'] as const;
export type FlinkFault = (typeof flinkFaults)[number];

/** One run of the counting job on Flink, drawn from a seed. */
export interface FlinkCase {
  readonly seed: number;
  readonly fault: FlinkFault;
  readonly mode: 'bsp' | 'asp';
  readonly workers: number;
  readonly servers: number;
  readonly records: number;
  /** When it strikes: as shares of the records that have been read, ascending; the job runs again between two of them. */
  readonly hitsAt: readonly number[];
  /** 'checkpoint': not before the first one. */
  readonly from: 'running' | 'checkpoint';
  readonly checkpointEveryMs: number;
}

/** 2 modes x 3 numbers of workers x 2 of parameter servers. */
const shapes = (['bsp', 'asp'] as const).flatMap((mode) => [1, 2, 3].flatMap((workers) => [1, 2].map((servers) => ({ mode, workers, servers }))));

/** Neighbouring seeds are neighbouring cells: 36 runs meet each of them once. */
export function drawFlinkCase(seed: number, wanted?: FlinkFault): FlinkCase {
  const random = new Random(seed);
  // The first numbers of neighbouring seeds resemble each other.
  for (let i = 0; i < 5; i++) random.next();
  const turn = Math.floor(seed / flinkFaults.length);
  const fault = wanted ?? flinkFaults[seed % flinkFaults.length]!;
  // 5 and 12 have no common divisor: a fault meets every shape in 12 turns.
  const shape = shapes[(turn * 5 + (seed % flinkFaults.length) * 7) % shapes.length]!;
  return {
    seed,
    fault,
    ...shape,
    records: random.int(8_000, 14_000),
    hitsAt: drawHits(random, 2),
    from: random.chance(0.3) ? 'running' : 'checkpoint',
    checkpointEveryMs: random.int(100, 600),
  };
}

export function describeFlinkCase({ seed, fault, mode, workers, servers, records, hitsAt, from, checkpointEveryMs }: FlinkCase): string {
  return (
    `seed ${seed}: ${fault} x ${hitsAt.length} (at ${hitsAt.join(', ')} of the records${from === 'running' ? '' : ', not before a checkpoint'}), ${mode}, ${workers} workers, ${servers} servers, ` +
    `${records} records, checkpoints every ${checkpointEveryMs} ms`
  );
}
