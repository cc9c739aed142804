import type { Isolation } from '../../../src/stream/graph.js';
import type { Event, OperatorCase } from './operator-case.js';

export interface RunOptions {
  /** 'columns': rows with a schema; 'rows': schemaless objects. */
  readonly path: 'columns' | 'rows';
  readonly parallelism: number;
  /** Before which event a cut is taken and the operators restored at `scaledTo`; undefined: never. */
  readonly cutAt: number | undefined;
  readonly scaledTo: number;
  /** Where the operator that makes the result runs, on an engine; its neighbours are threads. Default 'thread'. */
  readonly isolation?: Isolation;
}

/** Runs a case somewhere; an engine joins the suite with one of these. */
export interface OperatorRunner {
  readonly name: string;
  /** The outputs as `shown`, of the result ('') and of the side outputs by tag. */
  run(testCase: OperatorCase, events: readonly Event[], options: RunOptions): Promise<Readonly<Record<string, readonly string[]>>>;
}
