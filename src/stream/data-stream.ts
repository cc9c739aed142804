import type { Schema } from '../memory/schema.js';
import type { Exchange } from './graph.js';
import type { GraphBuilder, OperatorSpec } from './graph-builder.js';

/** What every stream of one job shares while the graph is built. */
export interface BuildScope {
  readonly builder: GraphBuilder;
  readonly jobName: string;
}

/**
 * A stream of records of type R: the output (or a side output) of one operator.
 *
 * Methods add operators to the graph; nothing runs before the job is submitted.
 */
export class DataStream<R> {
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
  ) {}

  /**
   * Adds any operator to this stream: the lower layer under map(), train() and score().
   *
   * @param spec the operator; `spec.schema` is the schema of the result
   * @param others further inputs, in order
   */
  transform<U>(spec: OperatorSpec, exchange: Exchange = this.exchange, others: readonly DataStream<unknown>[] = []): DataStream<U> {
    const id = this.scope.builder.add(spec, [
      { from: this.node, exchange, tag: this.tag },
      ...others.map((other) => ({ from: other.node, exchange: other.exchange, tag: other.tag })),
    ]);
    return new DataStream<U>(this.scope, id, undefined, spec.schema);
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
}
