import { z } from 'zod';
import { resolveOptions } from '../core/options.js';
import type { RecordBatch } from '../memory/batch.js';
import type { SinkConnector } from '../stream/connector.js';
import type { Subtask, SubtaskContext } from '../stream/subtask.js';
import { toJson } from './field-codec.js';

/**
 * Channel of SubtaskContext.report on which console sinks hand lines to the host, which prints them. A value is a
 * `readonly string[]`: lines without line ends, those of one batch.
 */
export const consoleChannel = 'console';

export interface ConsoleOptions<R> {
  /** Prints each n-th row of a subtask, beginning with its first. Default 1. */
  readonly every?: number;
  /** Text of a row; undefined prints nothing. Default: the row as JSON. */
  readonly format?: (row: R) => string | undefined;
}

export const consoleOptions = z.strictObject({
  every: z.number().int().positive().default(1),
  format: z
    .custom<(row: unknown) => string | undefined>((value) => typeof value === 'function', 'must be a function of the row')
    .default(() => (row: unknown) => JSON.stringify(toJson(row))),
});

export const resolveConsoleOptions = (options: unknown = {}): z.output<typeof consoleOptions> => resolveOptions(consoleOptions, options, 'console sink');

/**
 * A sink that prints rows. Subtasks run on threads, whose output would interleave: they report lines to the process that
 * submitted the job, and that one prints. Rows after the last cut are printed again after a restore.
 */
export function console<R = unknown>(options?: ConsoleOptions<R>): SinkConnector<R> {
  const { every, format } = resolveConsoleOptions(options);
  return { name: 'console', maxParallelism: undefined, notes: every === 1 ? [] : [`each ${every}th row`], create: () => new ConsoleSink(every, format) };
}

class ConsoleSink implements Subtask {
  readonly #every: number;
  readonly #format: (row: unknown) => string | undefined;
  #context!: SubtaskContext;
  #seen = 0;

  constructor(every: number, format: (row: unknown) => string | undefined) {
    this.#every = every;
    this.#format = format;
  }

  open(context: SubtaskContext): void {
    this.#context = context;
  }

  process(batch: RecordBatch): void {
    const lines: string[] = [];
    for (let row = (this.#every - (this.#seen % this.#every)) % this.#every; row < batch.length; row += this.#every) {
      const line = this.#format(batch.row(row));
      if (line !== undefined) lines.push(line);
    }
    this.#seen += batch.length;
    if (lines.length > 0) this.#context.report(consoleChannel, lines);
  }
}
