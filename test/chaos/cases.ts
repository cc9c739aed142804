import { Random } from '../../src/testing/simulation/random.js';

/** What goes wrong. What is killed, or done to the disk, is done from outside; the rest the job does to itself. */
export const faults = {
  'worker throws': { at: 'worker', how: 'throw' },
  'worker thread dies': { at: 'worker', how: 'exit' },
  'parameter server throws': { at: 'ps', how: 'throw' },
  'parameter server thread dies': { at: 'ps', how: 'exit' },
  'application manager dies': { at: 'am', how: 'exit' },
  'source throws': { at: 'source', how: 'throw' },
  'sink thread dies': { at: 'sink', how: 'exit' },
  'node is slow': { at: 'worker', how: 'slow' },
  'worker process killed': { at: 'worker', how: 'kill' },
  'parameter server process killed': { at: 'ps', how: 'kill' },
  'application manager process killed': { at: 'am', how: 'kill' },
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
  /** Of the nodes; a process that is to be killed must be one. */
  readonly isolation: 'thread' | 'process';
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
  const drawn = fault ?? faultNames[seed % faultNames.length]!;
  return {
    seed,
    fault: drawn,
    isolation: drawn.includes(' process ') ? 'process' : 'thread',
    mode: random.chance(0.5) ? 'bsp' : 'asp',
    workers: random.int(1, 3),
    servers: random.int(1, 2),
    records: random.int(4_000, 8_000),
    hitsMs: Array.from({ length: random.int(1, 3) }, () => random.int(0, 1_800)),
    checkpointEveryMs: random.int(50, 400),
  };
}

export function describeCase({ seed, fault, mode, isolation, workers, servers, records, hitsMs, checkpointEveryMs }: ChaosCase): string {
  return `seed ${seed}: ${fault} x ${hitsMs.length} (${hitsMs.join(', ')} ms), ${mode}, ${isolation === 'process' ? 'processes, ' : ''}${workers} workers, ${servers} servers, ${records} records, checkpoints every ${checkpointEveryMs} ms`;
}
