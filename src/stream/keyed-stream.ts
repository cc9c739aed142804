import { MillraceError } from '../core/errors.js';
import type { Infer, Schema } from '../memory/schema.js';
import type { DataStream, Flat } from './data-stream.js';
import type { KeySelector } from './graph.js';
import type { KeyedProcessFunction, SideOutputs } from './operators/keyed-process-function.js';
import { KeyedProcess, type AnyKeyedFunction } from './operators/keyed-process.js';
import { KeyedWith, type KeyedDerivation } from './operators/keyed-with.js';
import { valueState, type StateDescriptors, type ValueStateDescriptor } from './state/descriptors.js';
import { keyView, type KeyView } from './state/key.js';
import { WindowedStream } from './windowed-stream.js';
import { formatWindow, resolveWindow, type ResolvedWindow, type WindowSpec } from './windows/window-spec.js';

/** dtypes whose values can be keys. */
const keyDtypes: ReadonlySet<string> = new Set([
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'float32',
  'float64',
  'string',
  'timestamp',
]);

/**
 * A stream in which all records of one key go to the same subtask, so that state can be kept for each key. Made by
 * `stream.keyBy(...)`. R: the row, K: its key, C: the names of the key columns (never where a function makes the key).
 */
export class KeyedStream<R, K, C extends keyof R & string = never> {
  readonly #view: KeyView | undefined;

  /** @param isArray whether the key was given as an array of columns */
  constructor(
    /** @internal */ readonly stream: DataStream<R>,
    /** @internal */ readonly key: KeySelector,
    isArray = false,
  ) {
    const { schema } = stream;
    if ('columns' in key) {
      this.#view = keyView(
        key.columns.map((name) => schema?.[name]?.dtype === 'timestamp'),
        isArray,
      );
    }
    if (!('columns' in key) || schema === undefined) return;
    const { builder } = stream.scope;
    if (key.columns.length === 0) builder.problem('keyBy', 'needs at least one column');
    for (const name of key.columns) {
      const field = schema[name];
      if (field === undefined) builder.problem('keyBy', `there is no column '${name}'; there are: ${Object.keys(schema).join(', ')}`);
      else if (!keyDtypes.has(field.dtype))
        builder.problem('keyBy', `column '${name}' is ${field.dtype} and cannot be a key; use one of ${[...keyDtypes].join(', ')}`);
    }
  }

  /**
   * Runs a function over the rows of each key, with state and timers.
   *
   * @param schema what the function emits; without one, rows are schemaless
   */
  process<const O extends Schema, S extends StateDescriptors = Record<string, never>, const T extends SideOutputs = Record<string, never>>(
    schema: O,
    fn: KeyedProcessFunction<R, K, Infer<O>, S, T>,
  ): DataStream<Infer<O>>;
  process<O, S extends StateDescriptors = Record<string, never>, const T extends SideOutputs = Record<string, never>>(
    fn: KeyedProcessFunction<R, K, O, S, T>,
  ): DataStream<O>;
  process(first: unknown, second?: unknown): DataStream<never> {
    const schema = second === undefined ? undefined : (first as Schema);
    const fn = (second ?? first) as AnyKeyedFunction;
    return this.#run('process', schema, fn) as DataStream<never>;
  }

  /**
   * Adds columns to each record from what its key has seen so far; the record's own columns are passed on untouched.
   *
   * @param added names and types of the new columns; the stream must have a schema
   */
  with<const A extends Schema, S extends StateDescriptors = Record<string, never>>(
    added: A,
    derivation: KeyedDerivation<R, K, A, S>,
  ): DataStream<Flat<Omit<R, keyof A> & Infer<A>>> {
    const { key } = this;
    const { schema: given, scope } = this.stream;
    if (given === undefined) scope.builder.problem('with', 'the stream has no schema; give the map before it one, map({ ... }, fn)');
    const schema = { ...given, ...added };
    return this.stream.transform(
      {
        kind: 'with',
        schema,
        notes: [`key: ${formatKey(key)}`, `adds ${Object.keys(added).join(', ')}`],
        create: () => new KeyedWith({ key, view: this.#view, derivation: derivation, added, schema }),
      },
      { kind: 'hash', key },
    );
  }

  /** The running combination of all rows of a key so far: one row out for each row in. `fn` changes neither argument. */
  reduce(fn: (soFar: R, row: R) => R): DataStream<R> {
    const reduction: KeyedProcessFunction<R, K, R, { last: ValueStateDescriptor<R | undefined> }> = {
      state: { last: valueState(() => undefined) },
      process(row, ctx) {
        const { last } = ctx.state;
        last.value = last.value === undefined ? row : fn(last.value, row);
        ctx.emit(last.value);
      },
    };
    return this.#run('reduce', this.stream.schema, reduction as unknown as AnyKeyedFunction) as DataStream<R>;
  }

  /** Cuts the rows of each key into windows: `window(tumbling('3 h'))`. */
  window(spec: WindowSpec): WindowedStream<R, K, C> {
    return new WindowedStream<R, K, C>(this.stream, this.key, {
      view: this.#view,
      window: this.#resolve(spec),
      shown: formatWindow(spec),
      latenessMs: 0,
      lateTag: undefined,
    });
  }

  #resolve(spec: WindowSpec): ResolvedWindow {
    try {
      return resolveWindow(spec);
    } catch (thrown) {
      this.stream.scope.builder.problem('window', MillraceError.from(thrown).message);
      return { kind: 'aligned', sizeMs: 1, slideMs: 1, offsetMs: 0, time: 'event' };
    }
  }

  #run(kind: string, schema: Schema | undefined, fn: AnyKeyedFunction): DataStream<unknown> {
    const { key } = this;
    const view = this.#view;
    return this.stream.transform(
      {
        kind,
        schema,
        sideOutputs: fn.sideOutputs ?? {},
        reads: fn.reads === undefined || !('columns' in key) ? undefined : [[...new Set([...key.columns, ...fn.reads])]],
        notes: [`key: ${formatKey(key)}`],
        create: () => new KeyedProcess({ fn, key, schema, view }),
      },
      { kind: 'hash', key },
    );
  }
}

/** 'origin, destination' or 'a function', the way explain writes it. */
export function formatKey(key: KeySelector): string {
  return 'columns' in key ? key.columns.join(', ') : 'a function';
}
