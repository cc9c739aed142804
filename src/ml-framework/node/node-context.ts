import type { Clock, Logger, MetricGroup } from '../../core/index.js';
import type { RecordBatch } from '../../memory/batch.js';
import type { InputLane } from '../../stream/subtask.js';
import type { ModelVersion } from '../../tensorflow/predictor.js';
import type { OptimizerSpec, VariableSpec } from '../../tensorflow/model/trainable.js';
import type { ClusterConfig } from '../cluster/cluster-config.js';
import type { ModelPart } from '../cluster/model-part.js';
import type { NodeInfo } from '../cluster/node-info.js';
import type { ParameterClient, Weights } from '../parameters/parameter-client.js';

/**
 * The function that a node runs.
 *
 * It meets a barrier when it asks for its next batch, so it must not hold state of its own past that point, unless it
 * hands it over through `ctx.checkpoint`. When it returns, the node has finished.
 */
export type NodeEntry<In = Record<string, unknown>, Out = Record<string, unknown>> = (ctx: NodeContext<In, Out>) => Promise<void>;

export interface NodeContext<In = Record<string, unknown>, Out = Record<string, unknown>> {
  readonly role: string;
  readonly index: number;
  /** Nodes of this role as deployed now; `scale` changes it. */
  readonly count: number;
  /** Lease epoch: higher after each restart and redeployment. */
  readonly attempt: number;
  readonly cluster: {
    readonly config: ClusterConfig;
    /** Nodes of each role as deployed now. */
    readonly roles: Readonly<Record<string, number>>;
    readonly nodes: readonly NodeInfo[];
  };
  /** Batches of this node, in order; empty for a role without input. A batch is valid until the next one is asked for. */
  readonly input: AsyncIterable<RecordBatch<In>>;
  /** Where the node is replaced alone when it fails: what of the input is done, and not to be given to a successor. */
  readonly lane?: InputLane | undefined;
  /** Sends rows, or a batch, downstream; waits for room where the role has no input. `tag`: a side output. */
  emit(rows: readonly Out[] | RecordBatch, tag?: string): Promise<void>;
  readonly parameters: ParameterAccess;
  readonly model: ModelAccess;
  readonly checkpoint: NodeCheckpoint;
  readonly metrics: MetricGroup;
  readonly log: Logger;
  readonly clock: Clock;
  /** Aborts when the node must stop at once. */
  readonly signal: AbortSignal;
  /** Aborts when the cluster has met its finish policy: return soon, as if the input had ended. */
  readonly finishing: AbortSignal;
}

export interface ParameterAccess {
  /**
   * Connects to the parameter servers (or to the shard inside the only worker) and waits for their weights.
   *
   * @param initial weights to start from; asked of node 0 of the role, and only where no cut was restored
   * @throws UNSUPPORTED where the cluster has neither parameter servers nor a single worker with input
   */
  open(variables: readonly VariableSpec[], initial: () => Weights, optimizer: OptimizerSpec): Promise<ParameterClient>;
}

export interface ModelAccess {
  /** Publishes weights as a version; copies nothing: leave the arrays be until it resolves. @returns the newest version */
  publish(part: ModelPart): Promise<number>;
  /** The newest version and every newer one, newest wins, until the cluster finishes. */
  versions(): AsyncIterable<ModelVersion>;
}

export interface NodeCheckpoint {
  /** What onFreeze() of the nodes of this role returned at the last cut, as far as it came to this node. */
  readonly restored: readonly Uint8Array[];
  /** `freeze` runs at each barrier and returns pieces of state that can move to another node of the role each. */
  onFreeze(freeze: () => readonly Uint8Array[]): void;
  /** `emit` runs before each barrier is passed on: for what must go downstream ahead of it. */
  beforeBarrier(emit: () => Promise<void>): void;
}
