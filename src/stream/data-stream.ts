import type { Infer, Schema } from '../memory/schema.js';
import { checkDerivedColumns, type Derived, type DerivedColumn } from './columns.js';
import { deadLetterTag, type DeadLetter, type SinkConnector } from './connector.js';
import type { Exchange } from './graph.js';
import type { GraphBuilder, OperatorSpec } from './graph-builder.js';
import { KeyedStream } from './keyed-stream.js';
import {
  operatorFields,
  operatorOptions,
  resolveInto,
  userFunctionOptions,
  type OperatorOptions,
  type ResolvedUserFunctionOptions,
  type UserFunctionOptions,
} from './operator-options.js';
import { filterOperator } from './operators/filter.js';
import { flatMapOperator } from './operators/flat-map.js';
import { mapOperator } from './operators/map.js';
import { selectOperator } from './operators/select.js';
import { sinkOperator } from './operators/sink.js';
import { unionOperator } from './operators/union.js';
import { withColumnsOperator } from './operators/with-columns.js';
import type { Key, KeyOfColumns, KeyPart } from './state/key.js';
import { z } from 'zod';

/** What every stream of one job shares while the graph is built. */
export interface BuildScope {
  readonly builder: GraphBuilder;
  readonly jobName: string;
}

/** An object type written out, so that an editor shows its fields. */
export type Flat<T> = { [K in keyof T]: T[K] } & {};

/** Columns of R that can be a key. */
export type KeyColumn<R> = { [K in keyof R]: R[K] extends KeyPart | Date ? K : never }[keyof R] & string;

/** What {@link DataStream.as} changes of the operator that made a stream. */
export interface NamingOptions extends OperatorOptions {
  /** True: the operator does not share a thread with the ones before it, so that both run at once. */
  readonly startsChain?: boolean;
}

const namingOptions = z.strictObject({ ...operatorFields, startsChain: z.boolean().optional() });

/**
 * A stream of records of type R: the output (or a side output) of one operator.
 *
 * Methods add operators to the graph; nothing runs before the job is submitted. Functions of a row must not depend on
 * anything but the row. The row they get is valid during the call; map() and flatMap() without a schema hand out plain
 * objects, which may be kept.
 */
export class DataStream<out R> {
  /** Never set: carries R for the compiler. */
  declare readonly _row: R;

  constructor(
    /** @internal */ readonly scope: BuildScope,
    /** @internal */ readonly node: number,
    /** @internal */ readonly tag: string | undefined,
    /** undefined: schemaless rows. */
    readonly schema: Schema | undefined,
    /** How the next operator is reached; rebalance() and broadcast() change it. @internal */
    readonly exchange: Exchange = { kind: 'forward' },
    /** The operator whose dead letters are this stream's, where it is not the one that made it. @internal */
    readonly deadLetterNode: number = node,
  ) {}

  /** Name of the operator that made this stream. */
  get name(): string {
    return this.scope.builder.node(this.node).name;
  }

  /**
   * Makes one record of each record. Without a schema the results are plain objects: fine within a chain, slow between
   * threads; with one they are columns again.
   */
  map<const S extends Schema>(schema: S, fn: (row: R) => Infer<S>, options?: UserFunctionOptions): DataStream<Infer<S>>;
  map<U>(fn: (row: R) => U, options?: UserFunctionOptions): DataStream<U>;
  map(first: unknown, second?: unknown, third?: UserFunctionOptions): DataStream<unknown> {
    const { schema, fn, options } = this.#userFunction('map', first, second, third);
    return this.transform(mapOperator(schema, fn, options));
  }

  /** Makes any number of records of each record: `flatMap(word, (line) => line.text.split(' ').map((text) => ({ text })))`. */
  flatMap<const S extends Schema>(schema: S, fn: (row: R) => Iterable<Infer<S>>, options?: UserFunctionOptions): DataStream<Infer<S>>;
  flatMap<U>(fn: (row: R) => Iterable<U>, options?: UserFunctionOptions): DataStream<U>;
  flatMap(first: unknown, second?: unknown, third?: UserFunctionOptions): DataStream<unknown> {
    const { schema, fn, options } = this.#userFunction('flatMap', first, second, third);
    return this.transform(flatMapOperator(schema, fn as (row: unknown) => Iterable<unknown>, options));
  }

  /** Keeps the records for which `predicate` is true. */
  filter<U extends R>(predicate: (row: R) => row is U, options?: UserFunctionOptions): DataStream<U>;
  filter(predicate: (row: R) => boolean, options?: UserFunctionOptions): DataStream<R>;
  filter(predicate: (row: R) => boolean, options?: UserFunctionOptions): DataStream<R> {
    const resolved = resolveInto(this.scope.builder, options?.name ?? 'filter', userFunctionOptions, options);
    return this.transform(filterOperator(this.schema, predicate as (row: unknown) => boolean, resolved));
  }

  /**
   * Adds columns computed from the others, or replaces some: `with({ hour: int32((f) => f.date.getUTCHours()) })`. Other
   * columns stay where they lie. The functions see the row as it came, not each other's results.
   */
  with<C extends Readonly<Record<string, DerivedColumn<R, unknown>>>>(
    columns: C,
    options?: UserFunctionOptions,
  ): DataStream<Flat<Omit<R, keyof C> & Derived<C>>> {
    const resolved = resolveInto(this.scope.builder, options?.name ?? 'with', userFunctionOptions, options);
    checkDerivedColumns(columns, resolved.name ?? 'with');
    return this.transform(withColumnsOperator(this.schema, columns, resolved));
  }

  /** Keeps only these columns. */
  select<K extends keyof R & string>(...columns: readonly K[]): DataStream<Flat<Pick<R, K>>> {
    return this.transform(selectOperator(this.schema, columns));
  }

  /**
   * Groups records by the value of a column, of several, or by what a function makes of a row: all records of a key go to
   * one subtask, which can keep state for it. Columns are the fast path.
   */
  keyBy<C extends KeyColumn<R>>(column: C): KeyedStream<R, R[C], C>;
  keyBy<const C extends readonly KeyColumn<R>[]>(columns: C): KeyedStream<R, KeyOfColumns<R, C>, C[number]>;
  keyBy<K extends Key>(key: (row: R) => K): KeyedStream<R, K>;
  keyBy(key: string | readonly string[] | ((row: R) => Key)): KeyedStream<R, unknown> {
    if (typeof key === 'function') return new KeyedStream(this, { fn: key });
    return new KeyedStream(this, { columns: typeof key === 'string' ? [key] : key }, typeof key !== 'string');
  }

  /** Puts streams of one record type together. Order is kept within each, not between them. */
  union(...others: readonly DataStream<R>[]): DataStream<R> {
    const spec = unionOperator([this, ...others], (message) => {
      this.scope.builder.problem('union', message);
    });
    return this.transform(spec, this.exchange, others);
  }

  /** Deals batches out to the subtasks of the next operator in turn; order between subtasks is lost. */
  rebalance(): DataStream<R> {
    return this.via({ kind: 'rebalance' });
  }

  /** Every subtask of the next operator gets every record. */
  broadcast(): DataStream<R> {
    return this.via({ kind: 'broadcast' });
  }

  /** Subtask i of the next operator gets what subtask i of this one made: it takes over the parallelism. */
  forward(): DataStream<R> {
    return this.via({ kind: 'forward', explicit: true });
  }

  /** This stream by another exchange. */
  via(exchange: Exchange): DataStream<R> {
    return new DataStream<R>(this.scope, this.node, this.tag, this.schema, exchange, this.deadLetterNode);
  }

  /** Ends this stream in a sink. A stream may have any number of them. */
  to(sink: SinkConnector<R>, options?: OperatorOptions): void {
    const { builder } = this.scope;
    const name = options?.name ?? sink.name;
    const resolved = resolveInto(builder, name, operatorOptions, options);
    for (const problem of sink.validate?.(this.schema) ?? []) builder.problem(name, problem);
    this.transform(sinkOperator(this.schema, sink, resolved));
  }

  /** Names the operator that made this stream, gives it a stable uid, a parallelism or a thread of its own. */
  as(options: NamingOptions): this {
    const { builder } = this.scope;
    const resolved = resolveInto(builder, this.name, namingOptions, options);
    builder.amend(this.node, Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined)));
    return this;
  }

  /** Records that the operator could not use, as {@link DeadLetter}s. */
  get deadLetters(): DataStream<DeadLetter> {
    const { name, sideOutputs } = this.scope.builder.node(this.deadLetterNode);
    if (!Object.hasOwn(sideOutputs, deadLetterTag)) this.scope.builder.problem(name, "has no dead letters; give the operator { onError: 'deadLetter' }");
    return new DataStream<DeadLetter>(this.scope, this.deadLetterNode, deadLetterTag, sideOutputs[deadLetterTag]);
  }

  /** A side output of the operator that made this stream; its schema was declared with the operator. */
  sideOutput<U>(tag: string): DataStream<U> {
    const { name, sideOutputs } = this.scope.builder.node(this.node);
    if (!Object.hasOwn(sideOutputs, tag)) {
      const known = Object.keys(sideOutputs).join(', ') || 'none';
      this.scope.builder.problem(name, `has no side output '${tag}'; it has: ${known}`);
    }
    return new DataStream<U>(this.scope, this.node, tag, sideOutputs[tag]);
  }

  /** This stream with the dead letters of the operator that made `other`. @internal */
  withDeadLettersOf(other: DataStream<unknown>): DataStream<R> {
    return new DataStream<R>(this.scope, this.node, this.tag, this.schema, this.exchange, other.deadLetterNode);
  }

  /**
   * Adds any operator to this stream: the lower layer under map(), train() and score().
   *
   * @param spec the operator; `spec.schema` is the schema of the result
   * @param others further inputs, in order, each by its own exchange
   */
  transform<U>(spec: OperatorSpec, exchange: Exchange = this.exchange, others: readonly DataStream<unknown>[] = []): DataStream<U> {
    const id = this.scope.builder.add(spec, [
      { from: this.node, exchange, tag: this.tag },
      ...others.map((other) => ({ from: other.node, exchange: other.exchange, tag: other.tag })),
    ]);
    return new DataStream<U>(this.scope, id, undefined, spec.schema);
  }

  /** (schema, fn, options) or (fn, options). */
  #userFunction(
    kind: string,
    first: unknown,
    second: unknown,
    third: UserFunctionOptions | undefined,
  ): { schema: Schema | undefined; fn: (row: unknown) => unknown; options: ResolvedUserFunctionOptions } {
    const hasSchema = typeof first !== 'function';
    const given = hasSchema ? third : (second as UserFunctionOptions | undefined);
    return {
      schema: hasSchema ? (first as Schema) : undefined,
      fn: (hasSchema ? second : first) as (row: unknown) => unknown,
      options: resolveInto(this.scope.builder, given?.name ?? kind, userFunctionOptions, given),
    };
  }
}
