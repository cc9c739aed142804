import { encodeError, MillraceError, systemClock } from '../../../core/index.js';
import type { JobGraph, JobVertex } from '../../../stream/job-graph.js';
import { createSubtask } from '../../runtime/create-subtask.js';
import { HeldInputs } from '../../runtime/held-inputs.js';
import { unacknowledgedGauge } from '../../runtime/held-reader.js';
import { isLasting } from '../../runtime/lasting-failures.js';
import { MetricsBlock, metricsBlockBytes } from '../../runtime/metrics-block.js';
import type { OperatorDriver } from '../../runtime/operator-driver.js';
import type { FromSubtask, MetricEntry, SubtaskPlacement } from '../../runtime/protocol.js';
import { RendezvousClient } from '../../runtime/rendezvous.js';
import type { SubtaskRunner } from '../../runtime/subtask-runner.js';
import { Acknowledgements } from './acknowledgements.js';
import { Backpressure } from './backpressure.js';
import { checkParallelism } from './check-parallelism.js';
import type { RestoredState } from './chunk-wire.js';
import type { HostRings } from './host-rings.js';
import { LinkDoorbell } from './link-doorbell.js';
import { LinkGate } from './link-gate.js';
import type { Link } from './link.js';
import { reportedMetrics } from './metrics-report.js';
import type { OpenRequest } from './open-request.js';
import { PassedBarriers } from './passed-barriers.js';
import { ReportClient } from './report-client.js';
import { StateStream } from './state-stream.js';
import { SubtaskPlace } from './subtask-place.js';
import { linkKind, type LinkFrame } from './wire.js';

const metricsEveryMs = 2_000;
const backpressureEveryMs = 200;
/** See flink-metrics.ts, which sums it up. */
const nodeRestartsCounter = 'node_restarts_total';

export interface SubtaskConnection {
  readonly request: OpenRequest;
  readonly graph: JobGraph;
  readonly restored: RestoredState;
  readonly link: Link;
  /** To others of its host; undefined: all goes through Flink. */
  readonly rings: HostRings | undefined;
  /** Hears all that the subtask says; what is for {@link ConnectedSubtask.hear} is handed on to it. */
  readonly post: (message: FromSubtask) => void;
}

/** A subtask whose channels are frames over one socket. @throws PROTOCOL, STATE_MISMATCH, STATE_INVALID, and what create() of an operator throws */
export function connectSubtask(connection: SubtaskConnection): ConnectedSubtask {
  return new ConnectedSubtask(connection);
}

/** See {@link connectSubtask}. */
export class ConnectedSubtask {
  readonly doorbell = new LinkDoorbell();
  readonly runner: SubtaskRunner;
  readonly open: () => Promise<boolean>;
  readonly state: StateStream;
  readonly #link: Link;
  readonly #rings: HostRings | undefined;
  readonly #place: SubtaskPlace;
  readonly #request: OpenRequest;
  readonly #drivers: readonly OperatorDriver[];
  readonly #barriers: PassedBarriers;
  readonly #acks: Acknowledgements;
  readonly #reports: ReportClient;
  readonly #metrics: MetricEntry[] = [];
  readonly #values: Float64Array;
  readonly #backpressure: Backpressure;
  #gate!: LinkGate;
  #watermark = -Infinity;

  constructor({ request, graph, restored, link, rings, post }: SubtaskConnection) {
    const vertex = vertexOf(graph, request);
    const { index, parallelism, epoch, task } = request;
    checkParallelism(vertex, parallelism);
    const uids = vertex.operators.map(({ uid }) => uid);
    this.#link = link;
    this.#rings = rings;
    this.#backpressure = new Backpressure(performance.now(), (isOn) => link.send({ kind: linkKind.backpressured, flags: isOn ? 1 : 0 }));
    this.#request = request;
    this.#acks = new Acknowledgements(link);
    const place = (this.#place = new SubtaskPlace(graph, vertex, request));
    this.#barriers = new PassedBarriers(place.laneCount, (cut) => this.#passed(cut));
    const memory = new SharedArrayBuffer(metricsBlockBytes);
    this.#values = new Float64Array(memory);
    this.state = new StateStream({
      ...{ link, barriers: this.#barriers, uids, index, parallelism, keyGroups: graph.keyGroups },
      complete: (cut) => this.runner.handle({ type: 'complete', cut }),
      abort: (cut) => this.runner.handle({ type: 'abort', cut }),
    });
    const metrics = new MetricsBlock(memory, (entry) => this.#metrics.push(entry));
    const lane = request.replaceable ? heldInputs(request, metrics) : undefined;
    const exchanges = place.createExchanges({ link, rings, barriers: this.#barriers, onFull: () => this.doorbell.listen() }, lane);
    // What was written goes before the acknowledgement: what is not held here is out of the subtask's hands.
    lane?.guard(() => ([...exchanges.values()].some((exchange) => exchange.held || exchange.flushAt !== Infinity) ? undefined : () => true));
    const held = lane && { inputs: lane, released: request.succeeds?.frames ?? 0 };
    const placement: SubtaskPlacement = {
      job: { ...task.job, keyGroups: graph.keyGroups },
      ...{ index, attempt: epoch, host: request.host, predecessorMayLive: true, ended: [], restored: restored.of({ name: vertex.name, uids }, request) },
    };
    const created = createSubtask({
      ...{ graph, vertex, parallelism, placement, doorbell: this.doorbell, post, metrics, exchanges, lane },
      rendezvous: new RendezvousClient(post, systemClock),
      abort: new AbortController(),
      createGate: (deliver) => (this.#gate = new LinkGate(place.gateEdges(), deliver, (sent) => this.#acks.add(sent), held)),
      state: {
        snapshot: (cut, snapshots) => this.state.snapshot(cut, snapshots),
        ended: async (snapshots) => {
          await this.state.keep(snapshots);
          await this.#finish();
        },
        completed: (cut) => this.state.completed(cut),
      },
      parallelismOf: (other) => place.parallelismOf(other),
    });
    this.runner = created.runner;
    this.open = created.open;
    this.#drivers = created.drivers;
    this.#reports = new ReportClient({
      target: task.reports,
      onLost: (why) => this.#log('warn', `reports are lost: ${why}`),
      print: (line) => process.stdout.write(`${line}\n`),
    });
  }

  /** Meets the others of its host: resolves when what a predecessor has left there can be read. */
  async meet(): Promise<void> {
    await this.#rings?.place({ place: this.#place.inHost, bell: this.doorbell.memory, outputs: this.#place.wantedRings });
  }

  /** Runs until the operators have closed. */
  async run(): Promise<void> {
    const timers = [
      setInterval(() => this.#sendMetrics(), metricsEveryMs),
      setInterval(() => this.#lookAtBackpressure(performance.now()), backpressureEveryMs),
    ];
    try {
      await this.runner.run();
    } finally {
      for (const timer of timers) clearInterval(timer);
      this.#sendMetrics();
    }
  }

  /** True where an edge is one of the job's graph; Flink has more. */
  reads(edge: number): boolean {
    return this.#gate.reads(edge);
  }

  /** DATA, BARRIER and END_INPUT, in their order. */
  take(received: LinkFrame): void {
    const frame = this.#rings?.resolve(received) ?? received;
    if (this.state.hasEnded) {
      frame.release();
      // Nobody reads it, but Java counts on its credits.
      if (frame.kind === linkKind.data) this.#acks.add();
      if (frame.kind === linkKind.barrier) this.#barrierAfterEnd(frame.number);
      return;
    }
    this.#gate.push(frame);
    this.doorbell.ring();
  }

  hear(message: FromSubtask): void {
    switch (message.type) {
      case 'declined':
        this.#decline(message.cut, message.error);
        return;
      case 'log':
        this.#link.sendJson({ kind: linkKind.log }, message.record);
        return;
      case 'report': {
        const { uid, channel, value } = message;
        this.#reports.send({ uid, channel, value, subtask: this.#request.index, attempt: this.#request.epoch });
        return;
      }
      case 'publish':
        this.#link.sendJson({ kind: linkKind.publish }, { key: message.key, value: message.value });
        return;
      case 'lookup':
        this.#link.sendText({ kind: linkKind.lookup, number: message.request }, message.key);
        return;
      default:
      // State goes its own way, and of opening and closing the link speaks itself.
    }
  }

  /** Java is told that it has failed. */
  failed(): void {
    this.#acks.end();
  }

  /** Before the link ends. */
  async flush(): Promise<void> {
    await this.#reports.flush();
    this.#reports.close();
  }

  async #finish(): Promise<void> {
    await this.#reports.flush();
    this.#sendMetrics();
    this.#link.send({ kind: linkKind.finished });
    for (const frame of this.#gate.takeRest()) this.take(frame);
  }

  #barrierAfterEnd(cut: number): void {
    this.state.barrierAfterEnd(cut).catch((thrown: unknown) => this.#decline(cut, encodeError(thrown)));
  }

  #passed(cut: number): void {
    this.#link.send({ kind: linkKind.passed, number: cut });
    this.doorbell.ring();
  }

  #decline(cut: number, error: ReturnType<typeof encodeError>): void {
    this.#barriers.declined(cut);
    this.#link.sendJson({ kind: linkKind.declined, number: cut }, { ...error, retryable: !isLasting(error.code) });
    this.doorbell.ring();
  }

  #lookAtBackpressure(nowMs: number): void {
    this.#backpressure.look(nowMs, this.runner.backpressuredMs(nowMs));
  }

  #sendMetrics(): void {
    this.#link.sendJson({ kind: linkKind.metrics }, reportedMetrics(this.#metrics, this.#values));
    const watermark = this.#drivers.at(-1)?.outputs.currentWatermark ?? -Infinity;
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#link.send({ kind: linkKind.watermark, number: watermark });
  }

  #log(level: 'warn', message: string): void {
    this.#link.sendJson({ kind: linkKind.log }, { timeMs: Date.now(), level, message, fields: {} });
  }
}

/** The input of a subtask that may be replaced, and what its metrics say of that. */
function heldInputs({ epoch, succeeds }: OpenRequest, metrics: MetricsBlock): HeldInputs {
  const group = metrics.group({});
  group.counter(nodeRestartsCounter, 'Restarts of the node inside its subtask.').add(succeeds?.restarts ?? 0);
  const unacknowledged = group.gauge(unacknowledgedGauge, 'Batches that were read and that a successor would be given again.');
  return new HeldInputs({ isExact: true, barrier: succeeds?.barrier ?? 0, epoch, unacknowledged });
}

function vertexOf({ vertices }: JobGraph, { vertex: id }: OpenRequest): JobVertex {
  const vertex = vertices[id];
  if (vertex === undefined) throw new MillraceError('PROTOCOL', `Flink opened a subtask of vertex ${id}; the job has ${vertices.length}`);
  return vertex;
}
