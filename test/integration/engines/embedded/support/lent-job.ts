import { generator } from '../../../../../src/connectors/index.js';
import { t } from '../../../../../src/memory/schema.js';
import { int32 } from '../../../../../src/stream/columns.js';
import { defineJob } from '../../../../../src/stream/job.js';
import { Pass, Reporter } from './subtasks.js';

const later = (row: { readonly n: number }): Promise<void> | undefined => (row.n % 100 === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined);

const made = 5_000;

/** A flatMap makes several batches in one call, over memory that it uses again; in its own chain, one operator passes them on at once, and one a turn later. */
export default defineJob({
  name: 'lent',
  params: { count: t.int32() },
  build: ({ source, params }) => {
    const numbers = source(generator({ schema: { n: t.int32() }, count: params.count, make: (n) => ({ n }) }), {
      name: 'numbers',
      batchRows: 16,
      parallelism: 1,
    });
    const many = numbers
      .flatMap({ n: t.int32(), twice: t.int32() }, ({ n }) => Array.from({ length: made }, (_, i) => ({ n: n * made + i, twice: 2 * (n * made + i) })))
      .with({ more: int32((r) => r.twice + 1) });
    for (const [name, tweak] of [
      ['passes', undefined],
      ['waits', later],
    ] as const)
      many
        .transform({ kind: 'map', name, schema: undefined, create: () => new Pass(tweak) }, { kind: 'forward' })
        .transform({ kind: 'sink', name: `${name}-sink`, schema: undefined, create: () => new Reporter() }, { kind: 'forward' });
  },
});
