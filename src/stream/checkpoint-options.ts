import { z } from 'zod';
import { durationMs } from '../core/duration-option.js';
import type { Duration } from '../core/options.js';

/** How a job takes checkpoints by itself. */
export interface CheckpointOptions {
  /** From the start of one to the start of the next; one that takes longer is followed by the next at once. At least 10 ms. */
  readonly every: Duration;
  /** Where: a directory, local or shared. Default: the command line's, below its state directory. */
  readonly directory?: string;
  /** How many of the newest ones are kept, savepoints apart. Default 3. */
  readonly retain?: number;
}

export const checkpointOptions = z.strictObject({
  every: durationMs.refine((ms) => ms >= 10, 'at least 10 ms'),
  directory: z.string().min(1).optional(),
  retain: z.int().min(1).max(1_000).default(3),
});

export type ResolvedCheckpointOptions = Readonly<z.output<typeof checkpointOptions>>;
