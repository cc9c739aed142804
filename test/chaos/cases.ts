import { Random } from '../../src/testing/simulation/random.js';

/** What goes wrong. `role:how` is done by the job to itself; the others are done to it from outside. */
export const faults = {
  'worker throws': { at: 'worker', how: 'throw' },
  'worker thread dies': { at: 'worker', how: 'exit' },
  'parameter server throws': { at: 'ps', how: 'throw' },
  'parameter server thread dies': { at: 'ps', how: 'exit' },
  'application manager dies': { at: 'am', how: 'exit' },
  'source throws': { at: 'source', how: 'throw' },
  'sink thread dies': { at: 'sink', how: 'exit' },
  'node is slow': { at: 'worker', how: 'slow' },
  'job killed': { at: 'process', how: 'kill' },
  'disk full': { at: 'disk', how: 'fill' },
} as const;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as readonly FaultName[];

/** One run of the counting job, drawn from a seed. */
export interface ChaosCase {
  readonly seed: number;
  readonly fault: FaultName;
  readonly mode: 'bsp' | 'asp';
  readonly workers: number;
  readonly servers: number;
  readonly records: number;
  /** When it strikes: ms after the start, and after each hit. */
  readonly hitsMs: readonly number[];
  readonly checkpointEveryMs: number;
}

/** @param fault undefined: each in turn, by the seed */
export function drawCase(seed: number, fault?: FaultName): ChaosCase {
  const random = new Random(seed);
  // The first numbers of neighbouring seeds resemble each other.
  for (let i = 0; i < 5; i++) random.next();
  return {
    seed,
    fault: fault ?? faultNames[seed % faultNames.length]!,
    mode: random.chance(0.5) ? 'bsp' : 'asp',
    workers: random.int(1, 3),
    servers: random.int(1, 2),
    records: random.int(4_000, 8_000),
    hitsMs: Array.from({ length: random.int(1, 3) }, () => random.int(0, 1_800)),
    checkpointEveryMs: random.int(50, 400),
  };
}

export function describeCase({ seed, fault, mode, workers, servers, records, hitsMs, checkpointEveryMs }: ChaosCase): string {
  return `seed ${seed}: ${fault} x ${hitsMs.length} (${hitsMs.join(', ')} ms), ${mode}, ${workers} workers, ${servers} servers, ${records} records, checkpoints every ${checkpointEveryMs} ms`;
}
