import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';

export const embeddedEngineOptions = z.strictObject({
  maxThreads: z.int().min(1).max(1024).default(64),
  channelBytes: z
    .int()
    .min(64 * 1024)
    .max(1 << 30)
    .default(4 * 1024 * 1024),
  batchRows: z
    .int()
    .min(1)
    .max(1 << 20)
    .default(1024),
  flushIntervalMs: z.number().min(0).max(10_000).default(5),
  cutTimeoutMs: z.number().min(1).default(60_000),
  startTimeoutMs: z.number().min(1).default(120_000),
  cancelTimeoutMs: z.number().min(1).default(5_000),
});

/**
 * | option            | default | meaning                                                                                   |
 * |-------------------|---------|-------------------------------------------------------------------------------------------|
 * | `maxThreads`      | 64      | slots of this host: most threads (one per subtask) that a job may use                       |
 * | `channelBytes`    | 4 MiB   | capacity of one channel between two subtasks; also limits the size of a record              |
 * | `batchRows`       | 1024    | rows that a hash exchange gathers for a target before it writes a batch                     |
 * | `flushIntervalMs` | 5       | longest time that gathered rows wait for more                                              |
 * | `cutTimeoutMs`    | 60 s    | deadline of a cut                                                                          |
 * | `startTimeoutMs`  | 120 s   | deadline for all subtasks to open                                                          |
 * | `cancelTimeoutMs` | 5 s     | how long a subtask may take to close before its thread is terminated                        |
 */
export type EmbeddedEngineOptions = z.input<typeof embeddedEngineOptions>;
export type ResolvedEmbeddedEngineOptions = Readonly<z.output<typeof embeddedEngineOptions>>;

/** @throws OPTION_INVALID */
export function resolveEmbeddedEngineOptions(options: EmbeddedEngineOptions = {}): ResolvedEmbeddedEngineOptions {
  return resolveOptions(embeddedEngineOptions, options, 'embedded engine');
}
