import { OperatorHarness } from '../../../src/testing/index.js';
import { rowSchema, shown, type Event, type OperatorCase, type Row } from './operator-case.js';

export interface RunOptions {
  /** 'columns': rows with a schema; 'rows': schemaless objects. */
  readonly path: 'columns' | 'rows';
  readonly parallelism: number;
  /** Before which event a cut is taken and the operators restored at `scaledTo`; undefined: never. */
  readonly cutAt: number | undefined;
  readonly scaledTo: number;
}

/** Runs a case somewhere; an engine joins the suite with one of these. */
export interface OperatorRunner {
  readonly name: string;
  /** The outputs as `shown`, of the result ('') and of the side outputs by tag. */
  run(testCase: OperatorCase, events: readonly Event[], options: RunOptions): Promise<Readonly<Record<string, readonly string[]>>>;
}

/** Rows between two watermarks go as one batch. */
export const harnessRunner: OperatorRunner = {
  name: 'harness',
  async run(testCase, events, { path, parallelism, cutAt, scaledTo }) {
    const inputs = testCase.inputs ?? 1;
    let harness = await OperatorHarness.open<Row, unknown>({
      ...(path === 'columns' ? { schema: rowSchema } : {}),
      inputs,
      parallelism,
      build: (input, second) => testCase.build(input, second ?? input),
    });
    let pending: Row[] = [];
    const flush = async (): Promise<void> => {
      const times = pending.map(({ at }) => at.getTime());
      if (pending.length > 0) for (let input = 0; input < inputs; input++) await harness.push(pending, times, input);
      pending = [];
    };
    for (const [i, event] of events.entries()) {
      if (i === cutAt) {
        await flush();
        harness = await harness.restart(scaledTo);
      }
      if ('row' in event) {
        pending.push(event.row);
      } else {
        await flush();
        await harness.watermark(event.watermark);
      }
    }
    await harness.end();
    const outputs = (tag?: string): string[] => shown(harness.records<unknown>(tag).map(({ row, time }) => ({ row, time: time as number })));
    const sides = Object.keys(testCase.sides ?? {}).map((tag) => [tag, outputs(tag)] as const);
    await harness.close(true);
    return { '': outputs(), ...Object.fromEntries(sides) };
  },
};
