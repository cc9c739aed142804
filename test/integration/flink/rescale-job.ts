import { collect, generator } from '../../../src/connectors/index.js';
import { t } from '../../../src/memory/index.js';
import { count, defineJob, sum, tumbling, valueState } from '../../../src/stream/index.js';
import { everyAttempt, gated } from '../../conformance/connectors/gated-source.js';

export const schema = { key: t.int32(), value: t.int32(), at: t.timestamp() };
export const rowCount = 740;
export const windowMs = 50;
export const rowOf = (n: number): { key: number; value: number; at: Date } => ({ key: (n * 7) % 23, value: n, at: new Date(n) });

/**
 * Counts by key, and sums of windows by key. Exchanges on both sides keep the chains at parallelism 1, too.
 * In each attempt, each source subtask stands still after `reads` reads of 4 rows; it has 92.5 of them.
 */
export default defineJob({
  name: 'rescale',
  params: { reads: t.int32() },
  build: ({ source, params }) => {
    const rows = source(gated(generator({ schema, count: rowCount, make: rowOf }), { attempts: everyAttempt, reads: params.reads }), {
      uid: 'in',
      time: 'at',
      batchRows: 4,
      parallelism: 2,
    });
    rows
      .keyBy('key')
      .process(
        { key: t.int32(), nth: t.int32() },
        {
          state: { count: valueState(0) },
          process(_, ctx) {
            ctx.state.count.value += 1;
            ctx.emit({ key: ctx.key, nth: ctx.state.count.value });
          },
        },
      )
      .as({ uid: 'counts', parallelism: 2 })
      .rebalance()
      .to(collect('counts'), { parallelism: 1 });
    rows
      .keyBy('key')
      .window(tumbling(windowMs))
      .summarize({ rows: count(), total: sum('value') })
      .as({ uid: 'windows', parallelism: 2 })
      .rebalance()
      .to(collect('windows'), { parallelism: 1 });
  },
});
