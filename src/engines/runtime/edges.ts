import { decodeBatch } from '../../memory/batch-encoding.js';
import type { ChannelWriter } from '../../memory/channel.js';
import { concatBatches } from '../../memory/make-batch.js';
import { partitionBatch } from '../../memory/partition-batch.js';
import type { Field, Schema } from '../../memory/schema.js';
import type { KeySelector, OperatorNode } from '../../stream/graph.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import { keyGroupsOf, subtaskOfKeyGroup } from '../../stream/state/key-groups.js';
import {
  BroadcastExchange,
  ControlExchange,
  ForwardExchange,
  HashExchange,
  RebalanceExchange,
  type ExchangeWriter,
  type Partitioner,
} from './exchange-writer.js';
import { Lane } from './lane.js';
import type { LaneSource } from './lane-merge.js';
import { PositionExchange } from './position-exchange.js';

export interface ExchangeSettings {
  /** Of the producing subtask. */
  readonly index: number;
  readonly keyGroups: number;
  readonly batchRows: number;
  readonly flushIntervalMs: number;
  /** Where the producing subtask may be replaced: of the batch that it processes. What a batch leads to goes the same ways each time. */
  readonly position?: (() => number) | undefined;
}

/**
 * The writing end of one edge.
 *
 * @param writers one for each downstream subtask, in their order; just one for a forward exchange
 */
export function createExchange({ edge: { exchange }, columns }: JobEdge, writers: readonly ChannelWriter[], settings: ExchangeSettings): ExchangeWriter {
  const { position } = settings;
  const lanes = writers.map((writer) => new Lane(writer));
  switch (exchange.kind) {
    case 'forward':
      return new ForwardExchange(lanes, columns);
    case 'rebalance':
      return position === undefined ? new RebalanceExchange(lanes, columns, settings.index) : new PositionExchange(lanes, columns, position);
    case 'broadcast':
      return new BroadcastExchange(lanes, columns);
    case 'control':
      return new ControlExchange(lanes, columns);
    case 'hash': {
      const { flushIntervalMs } = settings;
      // Gathered rows would lie in memory that a successor does not have.
      const batchRows = position === undefined ? settings.batchRows : 1;
      const partition = partitioner(exchange.key, lanes.length, settings.keyGroups);
      return new HashExchange(lanes, columns, { partition, concat: concatBatches, batchRows, flushIntervalMs });
    }
  }
}

/** The reading end of one edge, for each upstream subtask. */
export function edgeSource(edge: JobEdge, graph: JobGraph): LaneSource {
  const schema = schemaOf(edge, graph);
  return { input: edge.edge.input, decode: (payload) => decodeBatch(payload, schema) };
}

/** Rows by the subtask that owns their key group. */
function partitioner(key: KeySelector, targets: number, keyGroups: number): Partitioner {
  if (targets === 1) return (batch) => [batch];
  const ownerOfGroup = Int32Array.from({ length: keyGroups }, (_, group) => subtaskOfKeyGroup(group, targets, keyGroups));
  return (batch) => {
    const owners = keyGroupsOf(batch, key, keyGroups);
    for (let row = 0; row < owners.length; row++) owners[row] = ownerOfGroup[owners[row] as number] as number;
    return partitionBatch(batch, owners, targets);
  };
}

/** What crosses an edge: the schema of the output that it comes from, less the columns that nobody needs. */
function schemaOf({ edge, from, columns }: JobEdge, graph: JobGraph): Schema | undefined {
  const node = (graph.vertices[from] as JobVertex).operators.find(({ id }) => id === edge.from) as OperatorNode;
  const schema = edge.tag === undefined ? node.schema : node.sideOutputs[edge.tag];
  if (schema === undefined || columns === undefined) return schema;
  return Object.fromEntries(columns.map((name) => [name, schema[name] as Field]));
}
