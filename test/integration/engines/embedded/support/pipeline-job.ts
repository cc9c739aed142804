import { t } from '../../../../../src/memory/schema.js';
import { defineJob } from '../../../../../src/stream/job.js';
import type { Exchange, Isolation } from '../../../../../src/stream/graph.js';
import type { Subtask, SubtaskContext } from '../../../../../src/stream/subtask.js';
import { Committing, CountByKey, Numbers, Pass, Reporter, type FailEvery, type NumbersOptions, type Row, type Tweak } from './subtasks.js';

/** numbers -> middle -> sink, with what a test wants of each. JSON-safe, because it travels as a job parameter. */
export interface Pipeline {
  readonly numbers: NumbersOptions;
  readonly sourceParallelism?: number;
  readonly exchange?: 'forward' | 'rebalance' | 'broadcast' | 'hash';
  readonly middle?: 'pass' | 'count' | 'failsToOpen' | keyof typeof tweaks;
  readonly middleParallelism?: number;
  /** Every attempt below the number fails in its own way, at a record of its own: see CountByKey. */
  readonly failEvery?: FailEvery;
  readonly startsChain?: boolean;
  readonly sinkExchange?: 'forward' | 'rebalance';
  readonly sinkParallelism?: number;
  readonly sinkPauseMs?: number;
  /** Commits rows with complete cuts instead of reporting them at once. */
  readonly commits?: boolean;
  /** Operators that run in processes of their own. */
  readonly isolated?: readonly ('numbers' | 'middle' | 'sink')[];
  /** Bytes by which each chunk of the counts is larger than it need be. */
  readonly paddingBytes?: number;
  /** Uid of the middle operator. */
  readonly middleUid?: string;
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
    const isolationOf = (name: 'numbers' | 'middle' | 'sink'): Isolation => (p.isolated?.includes(name) === true ? 'process' : 'thread');
    env
      .add<Row>({
        kind: 'source',
        name: 'numbers',
        isolation: isolationOf('numbers'),
        parallelism: p.sourceParallelism,
        schema: undefined,
        boundedness: 'bounded',
        create: () => new Numbers(p.numbers),
      })
      .transform<Row>(
        {
          kind: middle === 'count' ? 'count' : 'map',
          name: 'middle',
          isolation: isolationOf('middle'),
          uid: p.middleUid,
          parallelism: p.middleParallelism,
          schema: undefined,
          startsChain: p.startsChain,
          create: () => createMiddle(middle, p),
        },
        exchanges[p.exchange ?? 'forward'],
      )
      .transform(
        {
          kind: 'sink',
          name: 'sink',
          isolation: isolationOf('sink'),
          parallelism: p.sinkParallelism,
          schema: undefined,
          create: () => (p.commits === true ? new Committing() : new Reporter(p.sinkPauseMs)),
        },
        exchanges[p.sinkExchange ?? 'forward'],
      );
  },
});

function createMiddle(middle: NonNullable<Pipeline['middle']>, { failEvery, paddingBytes }: Pipeline): Subtask {
  switch (middle) {
    case 'count':
      return new CountByKey(failEvery, paddingBytes);
    case 'failsToOpen':
      return { open: () => Promise.reject(new Error('cannot open')), process: () => undefined };
    case 'pass':
      return new Pass();
    default:
      return new Pass(tweaks[middle]);
  }
}
