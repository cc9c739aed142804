import { Random } from '../../src/testing/simulation/random.js';

/** What goes wrong. What is killed, cut off, or done to the disk, is done from outside; the rest the job does to itself. */
export const faults = {
  'worker throws': { at: 'worker', how: 'throw' },
  'worker thread dies': { at: 'worker', how: 'exit' },
  'parameter server throws': { at: 'ps', how: 'throw' },
  'parameter server thread dies': { at: 'ps', how: 'exit' },
  'application manager dies': { at: 'am', how: 'exit' },
  'source throws': { at: 'source', how: 'throw' },
  'sink thread dies': { at: 'sink', how: 'exit' },
  'source of another region throws': { at: 'beside', how: 'throw' },
  'node is slow': { at: 'worker', how: 'slow' },
  'worker process killed': { at: 'worker', how: 'kill' },
  'parameter server process killed': { at: 'ps', how: 'kill' },
  'application manager process killed': { at: 'am', how: 'kill' },
  'job killed': { at: 'process', how: 'kill' },
  'disk full': { at: 'disk', how: 'fill' },
  'broker killed': { at: 'broker', how: 'kill' },
  'broker unreachable': { at: 'broker', how: 'cut' },
  'broker frozen': { at: 'broker', how: 'freeze' },
} as const;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as readonly FaultName[];

/** Where records come from and output goes to: a generator and files, or topics of a real broker. */
export const media = ['files', 'kafka'] as const;
export type Medium = (typeof media)[number];

/** One run of the counting job, drawn from a seed. */
export interface ChaosCase {
  readonly seed: number;
  readonly fault: FaultName;
  readonly through: Medium;
  readonly mode: 'bsp' | 'asp';
  /** Of the nodes; a process that is to be killed must be one. */
  readonly isolation: 'thread' | 'process';
  readonly workers: number;
  readonly servers: number;
  /** 'counter': its variable must be the number of records. 'network': its weights must be those of a run without faults. */
  readonly model: 'counter' | 'network';
  /** Of the topic that is read. */
  readonly partitions: number;
  readonly records: number;
  /** 'checkpoint': not before the first one. */
  readonly from: 'start' | 'checkpoint';
  /** When it strikes: as shares of the records that have been read, ascending. */
  readonly hitsAt: readonly number[];
  /** How long a broker is out of reach. */
  readonly outageMs: number;
  readonly checkpointEveryMs: number;
}

export interface Wanted {
  readonly fault?: FaultName | undefined;
  readonly through?: Medium | undefined;
}

const pairs = faultNames.flatMap((fault) => media.filter((through) => isPossible(fault, through)).map((through) => ({ fault, through })));

/** A broker only fails where there is one, and the other region has a generator and a file. */
export function isPossible(fault: FaultName, through: Medium): boolean {
  const { at } = faults[fault];
  return through === 'kafka' ? at !== 'beside' : at !== 'broker';
}

/** 2 modes x 3 numbers of workers x 2 of parameter servers. */
const shapes = (['bsp', 'asp'] as const).flatMap((mode) => [1, 2, 3].flatMap((workers) => [1, 2].map((servers) => ({ mode, workers, servers }))));

/** Neighbouring seeds are neighbouring cells: as many runs as there are cells, 30 x 12, meet each of them once. */
export function drawCase(seed: number, wanted: Wanted = {}): ChaosCase {
  const random = new Random(seed);
  // The first numbers of neighbouring seeds resemble each other.
  for (let i = 0; i < 5; i++) random.next();
  const choice = pairs.filter(({ fault, through }) => (wanted.fault ?? fault) === fault && (wanted.through ?? through) === through);
  const { fault, through } = choice[seed % choice.length]!;
  // 5 and 12 have no common divisor: a fault meets every shape in 12 turns.
  const shape = shapes[(Math.floor(seed / choice.length) * 5 + (seed % choice.length) * 7) % shapes.length]!;
  const model = shape.mode === 'bsp' && random.chance(0.5) ? 'network' : 'counter';
  const { at, how } = faults[fault];
  const isolation = fault.includes(' process ') ? 'process' : 'thread';
  // Processes take seconds to start, in which the source runs ahead as far as channels hold.
  const more = isolation === 'process' ? 3 : 1;
  return {
    seed,
    fault,
    through,
    ...shape,
    isolation,
    model,
    // Weights are those of another run only from one order of records, and of as many of them.
    partitions: model === 'network' ? 1 : random.int(1, 3),
    records: more * (model === 'network' ? 5_000 : random.int(4_000, 8_000)),
    // A cluster that was never seen is waited for less long than an outage lasts (startTimeoutMs).
    from: at !== 'broker' && random.chance(0.3) ? 'start' : 'checkpoint',
    hitsAt: drawHits(random, at === 'broker' ? 1 : 3),
    outageMs: at !== 'broker' ? 0 : how === 'kill' ? random.int(0, 3_000) : 30_000,
    checkpointEveryMs: random.int(50, 400),
  };
}

/** Whether the job has a second region beside the training. */
export function hasRegionBeside(fault: FaultName): boolean {
  return faults[fault].at === 'beside';
}

/** Up to `most` moments, as shares of the records, ascending. */
export function drawHits(random: Random, most: number): readonly number[] {
  return Array.from({ length: random.int(1, most) }, () => random.int(0, 85) / 100).sort((a, b) => a - b);
}

export function describeCase(chaos: ChaosCase): string {
  const { seed, fault, through, mode, isolation, workers, servers, model, partitions, records, from, hitsAt, outageMs, checkpointEveryMs } = chaos;
  const medium = through === 'kafka' ? `Kafka (${partitions} partitions)` : 'files';
  const outage = outageMs === 0 ? '' : ` for ${outageMs} ms`;
  return (
    `seed ${seed}: ${fault}${outage} x ${hitsAt.length} (at ${hitsAt.join(', ')} of the records${from === 'start' ? '' : ', not before a checkpoint'}), ${medium}, ${mode}, ${isolation === 'process' ? 'processes, ' : ''}` +
    `${workers} workers, ${servers} servers, ${model}, ${records} records, checkpoints every ${checkpointEveryMs} ms`
  );
}
