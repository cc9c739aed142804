import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import type { KeySelector } from '../graph.js';
import type { StateDescriptors } from '../state/descriptors.js';
import type { Key, KeyView } from '../state/key.js';
import { KeyedState } from '../state/keyed-state.js';
import type { Snapshot, StateChunk, Subtask, SubtaskContext } from '../subtask.js';
import type { TimerQueue } from '../time/timer-queue.js';
import type { KeyedProcessFunction, SideOutputs, TimeDomain, TimerService } from './keyed-process-function.js';
import { RowCollector } from './row-collector.js';

/** A function with its types erased, as the operator runs it. */
export type AnyKeyedFunction = KeyedProcessFunction<Record<string, unknown>, unknown, unknown, StateDescriptors, SideOutputs>;

export interface KeyedProcessOptions {
  readonly fn: AnyKeyedFunction;
  readonly key: KeySelector;
  readonly view: KeyView | undefined;
  /** Schema of the main output; undefined: schemaless rows. */
  readonly schema: Schema | undefined;
}

/** Runs a keyed function: rows of a batch in order, timers as the watermark or the clock reaches them. */
export class KeyedProcess implements Subtask {
  readonly #options: KeyedProcessOptions;
  #context!: SubtaskContext;
  #state!: KeyedState;
  #ctx!: RowContext;

  constructor(options: KeyedProcessOptions) {
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    const { fn, schema, view } = this.#options;
    this.#context = context;
    this.#state = new KeyedState(context, fn.state ?? {});
    this.#state.restore(restored);
    const collectors = new Map(Object.entries(fn.sideOutputs ?? {}).map(([tag, side]) => [tag, new RowCollector(context.output(tag), side)]));
    this.#ctx = new RowContext({ context, keyed: this.#state, main: new RowCollector(context.output(), schema), sides: collectors, view });
    fn.open?.(context);
    this.#ctx.armClock();
  }

  process(batch: RecordBatch): void {
    const { fn, key } = this.#options;
    const slots = this.#state.keys.slotsOf(batch, key);
    const rows = (fn.reads === undefined || batch.schema === undefined ? batch : batch.select(fn.reads)).rows();
    const { times } = batch;
    const ctx = this.#ctx;
    let i = 0;
    try {
      for (; i < rows.length; i++) {
        this.#state.slot = slots[i] as number;
        ctx.timestamp = times === undefined ? undefined : times[i];
        refusePromise(fn.process(rows[i] as Record<string, unknown>, ctx));
      }
    } catch (thrown) {
      throw this.#failed(thrown, 'process', ctx.timestamp);
    }
    ctx.flush();
    ctx.armClock();
  }

  advance(watermark: number): void {
    if (watermark <= this.#state.watermark) return;
    this.#state.watermark = watermark;
    this.#fire(this.#state.eventTimers, watermark, 'event');
  }

  onProcessingTime(timeMs: number): void {
    this.#ctx.disarm();
    this.#fire(this.#state.processingTimers, timeMs, 'processing');
  }

  endOfInput(): void {
    this.#ctx.hasEnded = true;
    this.#fire(this.#state.processingTimers, Infinity, 'processing');
  }

  freeze(): Snapshot {
    const chunks = this.#state.snapshot();
    return { parts: () => chunks };
  }

  #fire(timers: TimerQueue, upTo: number, domain: TimeDomain): void {
    const ctx = this.#ctx;
    const onTimer = this.#options.fn.onTimer?.bind(this.#options.fn);
    let time = timers.earliest;
    try {
      for (; timers.size > 0 && time <= upTo; time = timers.earliest) {
        this.#state.slot = timers.earliestSlot;
        timers.pop();
        ctx.timestamp = time;
        ctx.timeDomain = domain;
        refusePromise(onTimer?.(time, ctx));
      }
    } catch (thrown) {
      throw this.#failed(thrown, 'onTimer', time);
    }
    ctx.flush();
    ctx.armClock();
  }

  #failed(thrown: unknown, where: string, time: number | undefined): MillraceError {
    const key = String(this.#ctx.key);
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    const at = time === undefined || !Number.isFinite(time) ? '' : ` at ${new Date(time).toISOString()}`;
    return new MillraceError('USER_FUNCTION', `${this.#context.operator.name}: ${where} threw for key ${key}${at}: ${text}`, {
      details: { operator: this.#context.operator.uid, key, time },
      cause: thrown,
    });
  }
}

/** An async function would go on beside the next row's, over the same state. */
function refusePromise(returned: unknown): void {
  if (returned instanceof Promise) {
    // Its own failure must not become an unhandled rejection beside ours.
    returned.catch(() => undefined);
    throw new Error('it returned a promise; a keyed function is synchronous');
  }
}

interface RowContextOptions {
  readonly context: SubtaskContext;
  readonly keyed: KeyedState;
  readonly main: RowCollector;
  readonly sides: ReadonlyMap<string, RowCollector>;
  readonly view: KeyView | undefined;
}

/** The context object of one subtask. */
class RowContext implements TimerService {
  timestamp: number | undefined = undefined;
  timeDomain: TimeDomain = 'event';
  hasEnded = false;
  readonly state: never;
  readonly #clock: SubtaskContext;
  readonly #keyed: KeyedState;
  readonly #main: RowCollector;
  readonly #view: KeyView | undefined;
  readonly #sides: ReadonlyMap<string, RowCollector>;
  #armedFor = Infinity;

  constructor({ context, keyed, main, sides, view }: RowContextOptions) {
    this.#clock = context;
    this.#view = view;
    this.#keyed = keyed;
    this.#main = main;
    this.#sides = sides;
    this.state = keyed.handles() as never;
  }

  get key(): unknown {
    const key: Key = this.#keyed.keys.keyOf(this.#keyed.slot);
    return this.#view === undefined ? key : this.#view(key);
  }

  get watermark(): number {
    return this.#keyed.watermark;
  }

  get timers(): TimerService {
    return this;
  }

  get now(): number {
    return this.#clock.clock.now();
  }

  // Bound, because people take them apart: `process(row, { state, emit })`.
  readonly emit = (row: unknown, time: number | undefined = this.timestamp): void => {
    this.#main.add(row, time);
  };

  readonly sideOutput = (tag: string, row: unknown, time: number | undefined = this.timestamp): void => {
    const side = this.#sides.get(tag);
    if (side === undefined) throw new Error(`no side output '${tag}' is declared; add it to sideOutputs`);
    side.add(row, time);
  };

  registerEventTime(time: number): void {
    this.#keyed.eventTimers.add(finite(time), this.#keyed.slot);
  }

  deleteEventTime(time: number): void {
    this.#keyed.eventTimers.delete(time, this.#keyed.slot);
  }

  registerProcessingTime(time: number): void {
    // After the end of input there is nothing to wait for: a timer that renews itself would never end.
    if (!this.hasEnded) this.#keyed.processingTimers.add(finite(time), this.#keyed.slot);
  }

  deleteProcessingTime(time: number): void {
    this.#keyed.processingTimers.delete(time, this.#keyed.slot);
  }

  flush(): void {
    this.#main.flush();
    for (const side of this.#sides.values()) side.flush();
  }

  /** The engine's timer has come: the next one must be asked for again. */
  disarm(): void {
    this.#armedFor = Infinity;
  }

  /** Asks the engine for a call at the earliest processing-time timer. */
  armClock(): void {
    const { earliest } = this.#keyed.processingTimers;
    if (earliest === Infinity || earliest === this.#armedFor) return;
    this.#armedFor = earliest;
    this.#clock.setProcessingTimer(earliest);
  }
}

function finite(time: number): number {
  if (Number.isFinite(time)) return time;
  throw new Error(`a timer needs a finite time in ms since the epoch, got ${time}`);
}
