import { RunMetadata, RunOptions, RunOptions_TraceLevel, type NodeExecStats } from '../saved-model/generated/tensorflow.js';
import type { CApi, Pointer } from './c-api.js';

/** When one node ran. Nodes are those of the graph after TensorFlow's optimizations, which rename, fuse and add some. */
export interface NodeTime {
  readonly node: string;
  readonly op: string;
  /** `/job:localhost/replica:0/task:0/device:CPU:0` */
  readonly device: string;
  /** From the start of the run's first node, in microseconds. */
  readonly startMicros: number;
  /** In the kernel; nodes that ran at once overlap. */
  readonly micros: number;
}

export interface RunProfile {
  /** In the order in which they started. */
  readonly nodes: readonly NodeTime[];
  /** TensorFlow's RunMetadata, for an event file. The caller's. */
  readonly runMetadata: Uint8Array;
}

/** TF_Buffer begins with the address and the length of its bytes. */
const bufferHeadWords = 2;

/** The buffers by which a run is told to measure, and tells what it measured. They must be ended. */
export class RunTrace {
  readonly #api: CApi;
  readonly options: Pointer;
  readonly metadata: Pointer;

  constructor(api: CApi) {
    this.#api = api;
    const options = RunOptions.encode({ traceLevel: RunOptions_TraceLevel.FULL_TRACE, interOpThreadPool: 0 }).finish();
    this.options = api.newBufferFromString(options, options.byteLength);
    this.metadata = api.newBuffer();
  }

  /** After the run, before {@link end}. */
  profile(): RunProfile {
    const head = new BigUint64Array(bufferHeadWords);
    this.#api.copy(head, this.metadata, head.byteLength);
    const runMetadata = new Uint8Array(Number(head[1]));
    if (runMetadata.byteLength > 0) this.#api.copy(runMetadata, head[0] as Pointer, runMetadata.byteLength);
    return { nodes: nodeTimes(runMetadata), runMetadata };
  }

  end(): void {
    this.#api.deleteBuffer(this.options);
    this.#api.deleteBuffer(this.metadata);
  }
}

function nodeTimes(runMetadata: Uint8Array): NodeTime[] {
  const devices = RunMetadata.decode(runMetadata).stepStats?.devStats ?? [];
  const stats = devices.flatMap(({ device, nodeStats }) => nodeStats.map((node) => ({ device, node })));
  const start = (node: NodeExecStats): number => Number(node.allStartMicros + node.opStartRelMicros);
  stats.sort((a, b) => start(a.node) - start(b.node));
  const first = stats[0] === undefined ? 0 : start(stats[0].node);
  return stats.map(({ device, node }) => ({
    node: node.nodeName,
    op: operationOf(node),
    device,
    startMicros: start(node) - first,
    micros: Number(node.opEndRelNanos - node.opStartRelNanos) / 1000,
  }));
}

/** The label reads `name = Op(inputs)`. */
function operationOf({ nodeName, timelineLabel }: NodeExecStats): string {
  return / = (\w+)\(/.exec(timelineLabel)?.[1] ?? nodeName;
}
