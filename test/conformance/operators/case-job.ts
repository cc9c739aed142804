// Not the whole of the connectors: each thread of each job loads this file.
import { collect } from '../../../src/connectors/collect.js';
import { t } from '../../../src/memory/schema.js';
import type { Isolation } from '../../../src/stream/graph.js';
import type { StreamEnvironment } from '../../../src/stream/environment.js';
import { defineJob } from '../../../src/stream/job.js';
import { cases } from './cases.js';
import { caseName, rowSchema, type Event, type Row } from './operator-case.js';
import { ReplaySource, type ReplayOptions } from './replay-source.js';

/** What the job is told, as JSON: the cases that run in it, each as a pipeline of its own. */
export type CaseParams = readonly PipelineParams[];

export interface PipelineParams {
  readonly testCase: string;
  readonly path: 'columns' | 'rows';
  /** Event before which the sources stand still until they are restored. */
  readonly gateAt: number | null;
  readonly isolation: Isolation;
  readonly events: readonly WireEvent[];
}

type WireEvent = { readonly row: Omit<Row, 'at'> & { readonly at: number } } | { readonly watermark: number | null };

export const resultSink = (pipeline: number): string => `result-${pipeline}`;
export const sideSink = (pipeline: number, tag: string): string => `side-${pipeline}-${tag}`;

/** JSON has neither dates nor infinity. */
export const toWire = (event: Event): WireEvent =>
  'row' in event ? { row: { ...event.row, at: event.row.at.getTime() } } : { watermark: event.watermark === Infinity ? null : event.watermark };

const fromWire = (event: WireEvent): Event =>
  'row' in event ? { row: { ...event.row, at: new Date(event.row.at) } } : { watermark: event.watermark ?? Infinity };

/** Cases of the suite side by side, each fed by replayed events, into collectors. */
export default defineJob({
  name: 'operator-case',
  params: { given: t.string() },
  build: ({ params, env }) => {
    for (const [pipeline, given] of (JSON.parse(params.given) as CaseParams).entries()) build(env, pipeline, given);
  },
});

function build(env: StreamEnvironment, pipeline: number, given: PipelineParams): void {
  const testCase = cases.find((candidate) => caseName(candidate) === given.testCase);
  if (testCase === undefined) throw new Error(`no case ${given.testCase}`);
  const schema = given.path === 'columns' ? rowSchema : undefined;
  const options: ReplayOptions = { events: given.events.map(fromWire), schema, gateAt: given.gateAt ?? undefined };
  const inputs = Array.from({ length: testCase.inputs ?? 1 }, (_, i) => replay(env, `${pipeline}-${i}`, options));
  const [first, second = first] = inputs;
  const result = testCase.build(first as (typeof inputs)[number], second as (typeof inputs)[number]);
  env.scope.builder.amend(result.node, { isolation: given.isolation });
  result.to(collect(resultSink(pipeline)));
  for (const tag of Object.keys(testCase.sides ?? {})) result.sideOutput(tag).to(collect(sideSink(pipeline, tag)));
}

function replay(env: StreamEnvironment, id: string, options: ReplayOptions) {
  return env.add<Row>({
    kind: 'source',
    name: `replay ${id}`,
    uid: `replay-${id}`,
    schema: options.schema,
    boundedness: 'bounded',
    create: () => new ReplaySource(options),
  });
}
