import { console, defineJob, t } from 'millrace';
import { smallBatches, smallModel, smallRows, smallTraining } from './small-model.js';

/** Of each attempt the first record alone is printed. */
const first = { every: Number.MAX_SAFE_INTEGER };

/** The job of bench/flink-recovery.ts: a stream without end, mapped and printed, or trained on by two workers and a parameter server. */
export default defineJob({
  name: 'bench-flink-recovery',
  params: { training: t.bool() },
  // What jobs with checkpoints have by themselves begins with the same wait; this one does not grow when they are killed in a row.
  restart: { strategy: 'fixedDelay', attempts: 1_000, delay: 100 },
  build({ source, params }) {
    const rows = source(smallRows, smallBatches);
    if (params.training) rows.train(smallModel, smallTraining).predictions.select('n').to(console(first));
    else rows.map({ n: t.int32() }, ({ n }) => ({ n })).to(console(first));
  },
});
