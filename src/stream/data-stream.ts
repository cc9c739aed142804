import type { Schema } from '../memory/schema.js';
import { deadLetterTag, type DeadLetter, type SinkConnector } from './connector.js';
import type { Exchange } from './graph.js';
import type { GraphBuilder, OperatorSpec } from './graph-builder.js';
import { KeyedStream } from './keyed-stream.js';
import { operatorFields, operatorOptions, resolveInto, type OperatorOptions } from './operator-options.js';
import { selectOperator } from './operators/select.js';
import { sinkOperator } from './operators/sink.js';
import { unionOperator } from './operators/union.js';
import type { Key, KeyOfColumns } from './state/key.js';
import { z } from 'zod';

/** What every stream of one job shares while the graph is built. */
export interface BuildScope {
  readonly builder: GraphBuilder;
  readonly jobName: string;
}

/** An object type written out, so that an editor shows its fields. */
export type Flat<T> = { [K in keyof T]: T[K] } & {};

/** What {@link DataStream.as} changes of the operator that made a stream. */
export interface NamingOptions extends OperatorOptions {
  /** True: the operator does not share a thread with the ones before it, so that both run at once. */
  readonly startsChain?: boolean;
}

const namingOptions = z.strictObject({ ...operatorFields, startsChain: z.boolean().optional() });

/**
 * A stream of records of type R: the output (or a side output) of one operator.
 *
 * Methods add operators to the graph; nothing runs before the job is submitted. A row handed to a user function is valid
 * during the call.
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

  /** Keeps only these columns. */
  select<K extends keyof R & string>(...columns: readonly K[]): DataStream<Flat<Pick<R, K>>> {
    return this.transform(selectOperator(this.schema, columns));
  }

  /**
   * Groups records by the value of a column, of several, or by what a function makes of a row: all records of a key go to
   * one subtask, which can keep state for it. Columns are the fast path.
   */
  keyBy<C extends keyof R & string>(column: C): KeyedStream<R, R[C], C>;
  keyBy<const C extends readonly (keyof R & string)[]>(columns: C): KeyedStream<R, KeyOfColumns<R, C>, C[number]>;
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
}
