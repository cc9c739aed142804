import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import type { Exchange } from '../../../../../src/stream/graph.js';
import type { SubtaskContext } from '../../../../../src/stream/subtask.js';
import { CountByKey, Numbers, Pass, Reporter, type NumbersOptions, type Row, type Tweak } from './subtasks.js';

/** numbers -> middle -> sink, with what a test wants of each. JSON-safe, because it travels as a job parameter. */
export interface Pipeline {
  readonly numbers: NumbersOptions;
  readonly sourceParallelism?: number;
  readonly exchange?: 'forward' | 'rebalance' | 'broadcast' | 'hash';
  readonly middle?: 'pass' | 'count' | keyof typeof tweaks;
  readonly middleParallelism?: number;
  readonly startsChain?: boolean;
  readonly sinkExchange?: 'forward' | 'rebalance';
  readonly sinkParallelism?: number;
  readonly sinkPauseMs?: number;
}

const exchanges: Readonly<Record<'forward' | 'rebalance' | 'broadcast' | 'hash', Exchange>> = {
  forward: { kind: 'forward' },
  rebalance: { kind: 'rebalance' },
  broadcast: { kind: 'broadcast' },
  hash: { kind: 'hash', key: { columns: ['key'] } },
};

const tweaks = {
  throws: ({ n }: Row) => {
    if (n === 500) throw new Error('boom at 500');
  },
  exits: ({ n }: Row) => {
    if (n === 500) process.exit(3);
  },
  spins: ({ n }: Row) => {
    if (n === 500) for (;;);
  },
  hangs: ({ n }: Row, context: SubtaskContext) => {
    context.report('at', n);
    return n === 500 ? new Promise<void>(() => undefined) : undefined;
  },
  slow: () => new Promise<void>((resolve) => setTimeout(resolve, 2)),
} satisfies Record<string, Tweak>;

export default defineJob({
  name: 'pipeline',
  params: { pipeline: t.string() },
  build: ({ params, env }) => {
    const p = JSON.parse(params.pipeline) as Pipeline;
    const { middle = 'pass' } = p;
    env
      .add<Row>({
        kind: 'source',
        name: 'numbers',
        parallelism: p.sourceParallelism,
        schema: undefined,
        boundedness: 'bounded',
        create: () => new Numbers(p.numbers),
      })
      .transform<Row>(
        {
          kind: 'map',
          name: 'middle',
          parallelism: p.middleParallelism,
          schema: undefined,
          startsChain: p.startsChain,
          create: () => (middle === 'count' ? new CountByKey() : new Pass(middle === 'pass' ? undefined : tweaks[middle])),
        },
        exchanges[p.exchange ?? 'forward'],
      )
      .transform(
        { kind: 'sink', name: 'sink', parallelism: p.sinkParallelism, schema: undefined, create: () => new Reporter(p.sinkPauseMs) },
        exchanges[p.sinkExchange ?? 'forward'],
      );
  },
});
