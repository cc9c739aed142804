import type { Schema } from '../memory/schema.js';
import type { SourceSubtask, Subtask } from './subtask.js';

/**
 * The logical graph: what a job's build function made. Every thread builds it again from the same bundle, so it may hold
 * functions; only its fingerprint and uids cross threads.
 */
export interface LogicalGraph {
  readonly nodes: readonly OperatorNode[];
  readonly edges: readonly Edge[];
  /** Problems found while building; planning refuses a graph that has any. */
  readonly problems: readonly GraphProblem[];
}

export interface GraphProblem {
  /** Name of the operator, or undefined for the whole graph. */
  readonly operator: string | undefined;
  readonly message: string;
}

/** What a subtask shares with others: the process ('thread'), or only the machine ('process'). */
export type Isolation = 'thread' | 'process';

/**
 * An operator whose failed subtask can be replaced alone: it says through {@link SubtaskContext.lane} which batches are done, and
 * its successor is given the others again.
 */
export interface Resumption {
  /**
   * True where to be given a batch twice does no harm, and it leads to the same number of rows in the same order each time.
   * Else what was under way may be lost or count twice, and it is replaced alone only where that was asked for.
   */
  readonly isExact: boolean;
  /** Columns of the main output that come out the same when a batch is given again. */
  readonly sameColumns: readonly string[];
}

export interface OperatorNode {
  /** Index in `nodes`. */
  readonly id: number;
  /** Stable identity: given, or derived from name and position. State is restored by it. */
  readonly uid: string;
  /** As shown to people. */
  readonly name: string;
  /** 'source', 'map', 'window', 'role', 'sink', ...; for explain and metrics. */
  readonly kind: string;
  /** undefined: the job's default. */
  readonly parallelism: number | undefined;
  /** Largest parallelism that makes sense; 1 for a single file or an AM. */
  readonly maxParallelism: number | undefined;
  /** Schema of the main output; undefined for schemaless rows. */
  readonly schema: Schema | undefined;
  /** Schemas of side outputs by tag; undefined for schemaless. */
  readonly sideOutputs: Readonly<Record<string, Schema | undefined>>;
  /** Columns of each input that the operator reads; undefined: all of them. Lets the planner drop the rest before an exchange. */
  readonly reads: readonly (readonly string[] | undefined)[] | undefined;
  /**
   * True where input columns reach the outputs under their own names (filter, with, train): what consumers need of them
   * then counts as read, beside `reads`. An operator that passes columns on meets batches without those nobody needs.
   */
  readonly passesColumns: boolean;
  /** True where the operator must not share a thread with the ones before it (score). A role shares its thread with nobody. */
  readonly startsChain: boolean;
  /** A source may end by itself ('bounded') or not. */
  readonly boundedness: 'bounded' | 'unbounded' | undefined;
  /** Role name where the node is a role of a cluster: `scale worker=4` finds it by this. */
  readonly role: string | undefined;
  /** Name of the cluster that the operator belongs to, by its role or because it reads the model: they are restarted together. */
  readonly cluster?: string | undefined;
  /** 'process': each of its subtasks runs in a process of its own, which survives a native crash elsewhere. Default 'thread'. */
  readonly isolation: Isolation;
  /** Absent: where a subtask of it fails, the whole job goes back to its last cut. */
  readonly resumes?: Resumption | undefined;
  /** More for explain: window size, key, model, batch size. */
  readonly notes: readonly string[];
  /** Where the operator copies or makes bytes, one phrase each, for explain: 'an object for each record'. */
  readonly copies: readonly string[];
  /** Looks into the model that it runs, for `explain --trace`; undefined for operators without one. */
  readonly trace?: (() => Promise<OperatorTrace>) | undefined;
  /** Makes the run-time part; called once per subtask, on its thread. */
  create(): Subtask | SourceSubtask;
}

/** The native graph of an operator's model: what it is made of and what it costs. */
export interface OperatorTrace {
  /** One line: what was traced, on how many rows. */
  readonly title: string;
  /** A table for people. */
  readonly lines: readonly string[];
  /** The same, JSON-safe. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Writes the graph for viewers into a folder, and gives the file's path. */
  write(dir: string): Promise<string>;
}

export type Exchange =
  /** `explicit`: subtask i must feed subtask i; the operator takes over its input's parallelism, and another one is a problem. */
  | { readonly kind: 'forward'; readonly explicit?: boolean }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'broadcast' }
  /** `key` makes the key of each row of a batch; its key group decides the target. */
  | { readonly kind: 'hash'; readonly key: KeySelector }
  /** Barriers, watermarks and end of input only; every upstream to every downstream subtask. */
  | { readonly kind: 'control' };

/** A key by column name(s), the fast path, or by a function of the row. Keys are strings, numbers, bigints or booleans. */
export type KeySelector = { readonly columns: readonly string[] } | { readonly fn: (row: never) => unknown };

export interface Edge {
  readonly from: number;
  readonly to: number;
  /** Which input of `to`; 0-based. */
  readonly input: number;
  readonly exchange: Exchange;
  /** Side output of `from`; undefined for the main one. */
  readonly tag: string | undefined;
  /** A declared cycle; kept out of alignment and of the cycle check. Reserved: planning refuses it for now. */
  readonly feedback: boolean;
}
