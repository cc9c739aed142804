import { OperatorHarness } from '../../../src/testing/index.js';
import { rowSchema, shown, type Row } from './operator-case.js';
import type { OperatorRunner } from './operator-runner.js';

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
