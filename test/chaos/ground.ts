import { readLines } from '../e2e/millrace.js';
import type { ChaosCase } from './cases.js';

export type Row = Readonly<Record<string, unknown>>;

/** Where a run of the counting job reads and writes, and what came out of it. */
export interface Ground {
  /** For the job, beside those that every run has. */
  readonly params: Readonly<Record<string, string | number>>;
  /** Room of a small disk for checkpoints: pending output of exactly-once sinks is in them. */
  readonly diskBytes: number;
  rowsOf(name: 'predictions' | 'counts' | 'windows' | 'beside'): Promise<readonly Row[]>;
  /** Takes the broker away for a while. */
  outage?(how: 'kill' | 'cut' | 'freeze', ms: number): Promise<void>;
}

/** A generator in, files of a folder out. */
export function fileGround(folder: string): Ground {
  return {
    params: {},
    diskBytes: 256 * 1024,
    rowsOf: (name) => Promise.resolve(readLines(`${folder}/${name}.jsonl`)),
  };
}

/** What makes a ground for each run. */
export interface Grounds {
  prepare(chaos: ChaosCase): Promise<Ground>;
}
