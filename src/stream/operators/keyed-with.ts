import { MillraceError } from '../../core/errors.js';
import type { RecordBatch } from '../../memory/batch.js';
import { columnBuilder, rowView, withColumns } from '../../memory/index.js';
import type { Infer, Schema } from '../../memory/schema.js';
import type { KeySelector } from '../graph.js';
import type { StateDescriptors, StateHandles } from '../state/descriptors.js';
import type { Key, KeyView } from '../state/key.js';
import { KeyedState } from '../state/keyed-state.js';
import type { Output, Snapshot, StateChunk, Subtask, SubtaskContext } from '../subtask.js';

/**
 * Adds columns to each record from what its key has seen so far.
 *
 * ```ts
 * flights.keyBy('origin').with({ seen: t.int32() }, {
 *   state: { count: valueState(0) },
 *   derive: (flight, { state }) => ({ seen: state.count.value++ }),
 * });
 * ```
 * The cheap way to enrich a stream: the record's own columns are passed on as they are and no row is made.
 */
export interface KeyedDerivation<R, K, A extends Schema, S extends StateDescriptors = Record<string, never>> {
  /** What is kept for each key. */
  readonly state?: S;
  /** The row is a view that moves on after the call: take values from it, do not keep or spread it. */
  derive(row: R, ctx: DerivationContext<K, S>): Infer<A>;
}

/** What a derivation sees beside the row; the same object for every row. */
export interface DerivationContext<K, S extends StateDescriptors> {
  readonly key: K;
  /** Event time of the row, ms since the epoch; undefined where the stream has none. */
  readonly timestamp: number | undefined;
  readonly watermark: number;
  readonly state: StateHandles<S>;
}

export type AnyDerivation = KeyedDerivation<unknown, unknown, Schema, StateDescriptors>;

export interface KeyedWithOptions {
  readonly key: KeySelector;
  readonly view: KeyView | undefined;
  readonly derivation: AnyDerivation;
  readonly added: Schema;
  /** Of the result: the input's columns and the added ones. */
  readonly schema: Schema;
}

export class KeyedWith implements Subtask {
  readonly #options: KeyedWithOptions;
  #state!: KeyedState;
  #context!: SubtaskContext;
  #output!: Output;
  #ctx!: RowPlace;

  constructor(options: KeyedWithOptions) {
    this.#options = options;
  }

  open(context: SubtaskContext, restored: readonly StateChunk[]): void {
    this.#context = context;
    this.#output = context.output();
    this.#state = new KeyedState(context, this.#options.derivation.state ?? {});
    this.#state.restore(restored);
    this.#ctx = new RowPlace(this.#state, this.#options.view);
  }

  process(batch: RecordBatch): void {
    const { key, derivation, added, schema } = this.#options;
    const slots = this.#state.keys.slotsOf(batch, key);
    const names = Object.keys(added);
    const builders = names.map((name) => columnBuilder(added[name]!, name, batch.length));
    const view = rowView(batch);
    const ctx = this.#ctx;
    for (let i = 0; i < batch.length; i++) {
      this.#state.slot = slots[i]!;
      ctx.timestamp = batch.times?.[i];
      try {
        const values = derivation.derive(view.at(i), ctx as never) as Readonly<Record<string, unknown>>;
        for (let c = 0; c < builders.length; c++) builders[c]!.append(values[names[c]!]);
      } catch (thrown) {
        throw this.#failed(thrown, ctx);
      }
    }
    this.#output.emit(withColumns(batch, schema, Object.fromEntries(names.map((name, c) => [name, builders[c]!.finish()]))));
  }

  advance(watermark: number): void {
    if (watermark > this.#state.watermark) this.#state.watermark = watermark;
  }

  freeze(): Snapshot {
    const chunks = this.#state.snapshot();
    return { parts: () => chunks };
  }

  #failed(thrown: unknown, { key, timestamp }: RowPlace): MillraceError {
    const { name, uid } = this.#context.operator;
    const at = timestamp === undefined || !Number.isFinite(timestamp) ? '' : ` at ${new Date(timestamp).toISOString()}`;
    return new MillraceError(
      'USER_FUNCTION',
      `${name}: derive threw for key ${String(key)}${at}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      {
        details: { operator: uid, key: String(key), time: timestamp },
        cause: thrown,
      },
    );
  }
}

class RowPlace {
  timestamp: number | undefined = undefined;
  readonly state: unknown;
  readonly #keyed: KeyedState;
  readonly #view: KeyView | undefined;

  constructor(keyed: KeyedState, view: KeyView | undefined) {
    this.#keyed = keyed;
    this.#view = view;
    this.state = keyed.handles();
  }

  get key(): unknown {
    const key: Key = this.#keyed.keys.keyOf(this.#keyed.slot);
    return this.#view === undefined ? key : this.#view(key);
  }

  get watermark(): number {
    return this.#keyed.watermark;
  }
}
