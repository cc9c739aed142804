import { decodeBatch } from '../../memory/batch-encoding.js';
import { concatBatches } from '../../memory/make-batch.js';
import { partitionBatch } from '../../memory/partition-batch.js';
import type { Field, Schema } from '../../memory/schema.js';
import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { KeySelector, OperatorNode } from '../../stream/graph.js';
import { keyGroupsOf, subtaskOfKeyGroup } from '../../stream/state/key-groups.js';
import type { ChannelEnds } from './channel-ends.js';
import {
  BroadcastExchange,
  ControlExchange,
  ForwardExchange,
  HashExchange,
  RebalanceExchange,
  type ExchangeWriter,
  type Partitioner,
} from '../runtime/exchange-writer.js';
import type { GateChannel } from '../runtime/input-gate.js';
import { Lane } from '../runtime/lane.js';
import type { InputChannel, OutputEdge, SubtaskTask } from './protocol.js';

/** The reading end of one channel. */
export function createGateChannel({ edge: id, channel }: InputChannel, graph: JobGraph, ends: ChannelEnds): GateChannel {
  const edge = graph.edges[id] as JobEdge;
  const schema = schemaOf(edge, graph);
  return { input: edge.edge.input, reader: channel === undefined ? undefined : ends.reader(channel), decode: (payload) => decodeBatch(payload, schema) };
}

/** The writing end of one edge. */
export function createExchange(output: OutputEdge, graph: JobGraph, task: SubtaskTask, ends: ChannelEnds): ExchangeWriter {
  const { edge, columns, to } = graph.edges[output.edge] as JobEdge;
  const { exchange } = edge;
  const lanes = output.targets.map((place) => new Lane(ends.writer(place, exchange.kind)));
  switch (exchange.kind) {
    case 'forward':
      return new ForwardExchange(lanes, columns);
    case 'rebalance':
      return new RebalanceExchange(lanes, columns, task.index);
    case 'broadcast':
      return new BroadcastExchange(lanes, columns);
    case 'control':
      return new ControlExchange(lanes, columns);
    case 'hash': {
      const { batchRows, flushIntervalMs } = task.job.options;
      const partition = partitioner(exchange.key, (graph.vertices[to] as JobVertex).parallelism, graph.keyGroups);
      return new HashExchange(lanes, columns, { partition, concat: concatBatches, batchRows, flushIntervalMs });
    }
  }
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
