import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import { Numbers, Pass, Reporter, type NumbersOptions, type Row } from './subtasks.js';

/** Two sources on two inputs of one operator, with a thread in between that may be slow. */
export default defineJob({
  name: 'merge',
  params: { left: t.string(), right: t.string(), slowMs: t.int32() },
  build: ({ params, env }) => {
    const source = (name: string, options: string) =>
      env.add<Row>({ kind: 'source', name, parallelism: 1, schema: undefined, create: () => new Numbers(JSON.parse(options) as NumbersOptions) });
    const left = source('left', params.left);
    const slowly = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, params.slowMs));
    const right = source('right', params.right).transform<Row>(
      { kind: 'map', name: 'slow', schema: undefined, create: () => new Pass(params.slowMs > 0 ? slowly : undefined) },
      { kind: 'rebalance' },
    );
    left.transform({ kind: 'sink', name: 'sink', parallelism: 1, schema: undefined, create: () => new Reporter() }, { kind: 'rebalance' }, [right.rebalance()]);
  },
});
