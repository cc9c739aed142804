import { MillraceError } from '../core/errors.js';
import { parseDurationMs, type Duration } from '../core/options.js';
import type { Infer, Schema } from '../memory/schema.js';
import type { DataStream } from './data-stream.js';
import type { KeySelector } from './graph.js';
import type { WindowKernel } from './operators/window/kernel.js';
import { aggregateFold, ObjectKernel, processFold, reduceFold } from './operators/window/object-kernel.js';
import { SummaryKernel, summarySchema } from './operators/window/summary-kernel.js';
import { WindowOperator } from './operators/window/window-operator.js';
import type { KeyView } from './state/key.js';
import type { AggregateFunction, WindowFunction } from './windows/aggregate.js';
import type { Summary, SummaryRow } from './windows/summary.js';
import type { ResolvedWindow } from './windows/window-spec.js';

interface WindowSettings {
  readonly view: KeyView | undefined;
  readonly window: ResolvedWindow;
  /** For explain. */
  readonly shown: string;
  readonly latenessMs: number;
  readonly lateTag: string | undefined;
}

/**
 * The rows of each key, cut into windows; made by `keyed.window(...)`. A method that ends the chain says what becomes of
 * a window: its result row has event time end - 1.
 */
export class WindowedStream<R, K, C extends keyof R & string = never> {
  constructor(
    private readonly stream: DataStream<R>,
    private readonly key: KeySelector,
    private readonly settings: WindowSettings,
  ) {}

  /** How long after its end (in event time) a window still takes rows, each of which fires it again. Default 0. */
  allowedLateness(lateness: Duration): WindowedStream<R, K, C> {
    try {
      return this.#with({ latenessMs: parseDurationMs(lateness, 'allowedLateness') });
    } catch (thrown) {
      this.stream.scope.builder.problem('window', MillraceError.from(thrown).message);
      return this;
    }
  }

  /** Sends rows that come too late for every window to this side output of the result, instead of dropping them. */
  sideOutputLate(tag: string): WindowedStream<R, K, C> {
    return this.#with({ lateTag: tag });
  }

  /** Combines the rows of a window, two at a time. `fn` is associative and changes neither argument. */
  reduce(fn: (a: R, b: R) => R): DataStream<R> {
    return this.#run('reduce', this.stream.schema, undefined, () => new ObjectKernel(reduceFold(fn as never), this.stream.schema, undefined)) as DataStream<R>;
  }

  /**
   * Folds the rows of a window into an accumulator and makes one row of it.
   *
   * @param schema what `result` returns; without one, rows are schemaless
   */
  aggregate<A, const O extends Schema>(schema: O, fn: AggregateFunction<R, A, Infer<O>, K>): DataStream<Infer<O>>;
  aggregate<A, O>(fn: AggregateFunction<R, A, O, K>): DataStream<O>;
  aggregate(first: unknown, second?: unknown): DataStream<never> {
    const schema = second === undefined ? undefined : (first as Schema);
    const fn = (second ?? first) as AggregateFunction<Record<string, unknown>, unknown, unknown>;
    if (fn.merge === undefined) this.#refuseSessions('aggregate', 'give the aggregate a merge function');
    return this.#run('aggregate', schema, fn.reads, () => new ObjectKernel(aggregateFold(fn), schema, this.settings.view)) as DataStream<never>;
  }

  /**
   * Counts, sums, means and extremes by column, without an object per row: the fast way.
   *
   * Result rows hold the key columns, `windowStart`, `windowEnd` and one column for each name given:
   * `.summarize({ flights: count(), meanDelay: mean('delay') })`. Needs a stream with a schema, keyed by columns.
   */
  summarize<const S extends Record<string, Summary<keyof R & string>>>(summaries: S): DataStream<SummaryRow<R, C, S>> {
    const problem = (message: string): void => {
      this.stream.scope.builder.problem('summarize', message);
    };
    const layout = summarySchema(this.stream.schema, this.key, summaries, problem);
    const reads = Object.values(summaries).flatMap(({ column }) => (column === undefined ? [] : [column]));
    return this.#run('summarize', layout.schema, reads, () => new SummaryKernel(layout)) as unknown as DataStream<SummaryRow<R, C, S>>;
  }

  /**
   * Gives all rows of a window to a function when it fires.
   *
   * @param schema what the function emits; without one, rows are schemaless
   */
  process<const O extends Schema>(schema: O, fn: WindowFunction<R, K, Infer<O>>): DataStream<Infer<O>>;
  process<O>(fn: WindowFunction<R, K, O>): DataStream<O>;
  process(first: unknown, second?: unknown): DataStream<never> {
    const schema = second === undefined ? undefined : (first as Schema);
    const fn = (second ?? first) as WindowFunction<Record<string, unknown>, unknown, unknown>;
    return this.#run('process', schema, undefined, () => new ObjectKernel(processFold(fn), schema, this.settings.view)) as DataStream<never>;
  }

  #with(change: Partial<WindowSettings>): WindowedStream<R, K, C> {
    return new WindowedStream<R, K, C>(this.stream, this.key, { ...this.settings, ...change });
  }

  #refuseSessions(operator: string, fix: string): void {
    if (this.settings.window.kind === 'session') this.stream.scope.builder.problem(operator, `session windows grow together: ${fix}`);
  }

  #run(what: string, schema: Schema | undefined, reads: readonly string[] | undefined, createKernel: () => WindowKernel): DataStream<unknown> {
    const { key, settings } = this;
    const { window, latenessMs, lateTag, shown } = settings;
    // Late rows go on as they came, so then every column is needed.
    const needsAll = reads === undefined || !('columns' in key) || lateTag !== undefined;
    return this.stream.transform(
      {
        name: `window ${what}`,
        kind: 'window',
        schema,
        sideOutputs: lateTag === undefined ? {} : { [lateTag]: this.stream.schema },
        reads: needsAll ? undefined : [[...new Set([...key.columns, ...reads])]],
        notes: [shown, `key: ${'columns' in key ? key.columns.join(', ') : 'a function'}`, ...(latenessMs > 0 ? [`allowed lateness: ${latenessMs} ms`] : [])],
        create: () => new WindowOperator({ key, window, latenessMs, lateTag, createKernel }),
      },
      { kind: 'hash', key },
    );
  }
}
