import { Collector } from '../../../src/connectors/collect.js';
import type { SubtaskReport } from '../../../src/stream/engine.js';
import { resultSink, sideSink } from './case-job.js';
import { shown, type OperatorCase } from './operator-case.js';

/** Gathers what a pipeline's collectors report. */
export class Outputs {
  readonly #collectors: ReadonlyMap<string, Collector>;

  constructor(pipeline: number, { sides = {} }: OperatorCase) {
    this.#collectors = new Map([
      ['', new Collector(resultSink(pipeline))],
      ...Object.keys(sides).map((tag) => [tag, new Collector(sideSink(pipeline, tag))] as const),
    ]);
  }

  accept(report: SubtaskReport): void {
    for (const collector of this.#collectors.values()) collector.accept(report);
  }

  shown(): Record<string, string[]> {
    const all = [...this.#collectors].map(([tag, { records }]) => [tag, shown(records.map(({ row, time }) => ({ row, time: time as number })))] as const);
    return Object.fromEntries(all);
  }
}

/** Resolves `reached` when it was told so many times. */
export class Countdown {
  readonly reached: Promise<void>;
  #left: number;
  #resolve!: () => void;

  constructor(count: number) {
    this.#left = count;
    this.reached = new Promise((resolve) => (this.#resolve = resolve));
  }

  count(): void {
    if (--this.#left === 0) this.#resolve();
  }
}
