import { z } from 'zod';
import { resolveOptions } from '../core/options.js';
import type { Infer, Schema } from '../memory/schema.js';
import type { SourceConnector } from '../stream/connector.js';
import { IndexedSource } from './indexed-source.js';

/** What a row is made from. */
export interface GeneratorRandom {
  /** 0 <= x < 1, by the seed and the row's index: the same again after a restore and at any parallelism. */
  (): number;
}

export interface GeneratorOptions<R> {
  /** Makes the row of this index, 0-based. Must depend on its arguments only: rows after a cut are made again. */
  readonly make: (index: number, random: GeneratorRandom) => R;
  /** Rows per second over all subtasks, in processing time. Default: as fast as they are taken. */
  readonly rowsPerSecond?: number;
  /** Rows of a pass. Default: without end, until the job is stopped. */
  readonly count?: number;
  /** Default 1. */
  readonly seed?: number;
}

export const generatorOptions = z.strictObject({
  schema: z.custom<Schema>().optional(),
  make: z.custom<(index: number, random: GeneratorRandom) => unknown>((value) => typeof value === 'function', 'must be a function of the index'),
  rowsPerSecond: z.number().positive().optional(),
  count: z.number().int().nonnegative().optional(),
  seed: z.number().int().default(1),
});

export const resolveGeneratorOptions = (options: unknown): z.output<typeof generatorOptions> => resolveOptions(generatorOptions, options, 'generator');

/** A source of rows that a function makes. */
export function generator<const S extends Schema>(options: GeneratorOptions<Infer<S>> & { readonly schema: S }): SourceConnector<Infer<S>>;
export function generator<R>(options: GeneratorOptions<R> & { readonly schema?: undefined }): SourceConnector<R>;
export function generator(options: GeneratorOptions<unknown> & { readonly schema?: Schema | undefined }): SourceConnector<unknown> {
  const { schema, make, rowsPerSecond, count = Infinity, seed } = resolveGeneratorOptions(options);
  return {
    name: 'generator',
    schema,
    boundedness: count === Infinity ? 'unbounded' : 'bounded',
    maxParallelism: undefined,
    notes: [count === Infinity ? 'without end' : `${count} rows`, ...(rowsPerSecond === undefined ? [] : [`${rowsPerSecond} rows/s`])],
    create: (runtime) => new IndexedSource({ schema, count, rowsPerSecond, make: (index) => make(index, randomOf(seed, index)) }, runtime),
  };
}

/** Random numbers of one row (mulberry32, seeded by a mix of seed and index). */
function randomOf(seed: number, index: number): GeneratorRandom {
  // High and low half of the index, so that indices 2^32 apart differ.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul((index >>> 0) + 1, 0xc2b2ae35) ^ Math.imul(Math.floor(index / 4_294_967_296), 0x27d4eb2f);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
