import { encodeError, MillraceError, type EncodedError } from '../../../core/index.js';
import { deferred } from '../../../core/lifecycle.js';
import type { JobGraph } from '../../../stream/job-graph.js';
import { echoes } from '../../runtime/first-cause.js';
import { isLasting } from '../../runtime/lasting-failures.js';
import { planAgain } from '../../runtime/plan-again.js';
import type { FromSubtask, ToSubtask } from '../../runtime/protocol.js';
import { RestoredState } from './chunk-wire.js';
import { connectSubtask, type ConnectedSubtask } from './connect-subtask.js';
import type { HostRings } from './host-rings.js';
import { Link, type LinkEvents } from './link.js';
import { parseOpenRequest, type OpenRequest } from './open-request.js';
import { packageVersion } from './package-root.js';
import { placeBundle } from './place-bundle.js';
import { linkKind, type LinkFrame } from './wire.js';

/** The job and the place in it, as soon as they are known. */
interface Opening {
  readonly request: OpenRequest;
  readonly graph: Promise<JobGraph>;
}

/**
 * One subtask of Flink, from the connection to its end.
 *
 * ```
 * connected ─OPEN─► loading ─STATE*─START─► opening ──READY──► running ──FINISHED──► ended ─┐
 *                      └─────── ERROR ────────┴──── ERROR ───────┴─┐                        │ CLOSE
 *                                                                  └────────────────────────┴──────► CLOSED ─► gone
 * ```
 * An error is said once; Java answers it with CLOSE. Where the connection ends, the subtask closes by itself.
 */
export class FlinkSubtask implements LinkEvents {
  /** Settles when nothing of the subtask is left. */
  readonly done: Promise<void>;
  readonly #gone = deferred();
  readonly #link: Link;
  readonly #rings: HostRings | undefined;
  readonly #restored = new RestoredState();
  readonly #early: ToSubtask[] = [];
  #opening: Opening | undefined;
  #subtask: ConnectedSubtask | undefined;
  #hasFailed = false;
  #hasStarted = false;
  /** Its operators are closed, or were never there. */
  #hasClosed = false;
  #mustClose = false;
  #isCut = false;

  /**
   * @param path of the socket on which Java listens
   * @param rings to others of its host; by default all goes through Flink
   */
  constructor(path: string, rings?: HostRings) {
    this.#rings = rings;
    this.done = this.#gone.promise;
    this.#link = new Link(path, this);
  }

  frame(frame: LinkFrame): void {
    try {
      this.#accept(frame);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  room(): void {
    this.#subtask?.doorbell.ring();
  }

  closed(error: MillraceError): void {
    this.#isCut = true;
    // What it said that it must not, it can still be told.
    if (error.code === 'PROTOCOL') this.#fail(error);
    this.#close(false);
  }

  /** An error outside any call: a stray promise, a timer's callback. */
  stray(error: unknown): void {
    const { runner } = this.#subtask ?? {};
    if (runner === undefined) this.#fail(error);
    else runner.fail(error, runner.head);
  }

  #accept(frame: LinkFrame): void {
    switch (frame.kind) {
      case linkKind.open:
        this.#open(textOf(frame));
        return;
      case linkKind.state:
        this.#restored.add(frame.target, frame.payload);
        break;
      case linkKind.start:
        void this.#start();
        break;
      case linkKind.close:
        frame.release();
        this.#close(frame.flags === 1);
        return;
      case linkKind.drain:
        this.#tell({ type: 'drain' });
        break;
      default:
        this.#acceptRunning(frame);
        return;
    }
    frame.release();
  }

  #acceptRunning(frame: LinkFrame): void {
    const subtask = this.#subtask;
    if (subtask === undefined) {
      // A subtask that failed to open: Java may not know yet.
      if (!this.#hasFailed) throw new MillraceError('PROTOCOL', `Flink sent a frame of kind ${frame.kind} before its subtask had opened`);
      frame.release();
      return;
    }
    switch (frame.kind) {
      case linkKind.endInput:
        // Of an edge that holds a cluster together: the cluster ends, or Flink drains the job.
        if (subtask.reads(frame.edge)) {
          subtask.take(frame);
          return;
        }
        subtask.runner.handle({ type: 'drain' });
        break;
      case linkKind.data:
      case linkKind.barrier:
        subtask.take(frame);
        return;
      case linkKind.complete:
        subtask.state.complete(frame.number);
        break;
      case linkKind.aborted:
        subtask.state.abort(frame.number);
        break;
      case linkKind.found:
        subtask.runner.handle({ type: 'found', request: frame.number, value: textOf(frame) });
        return;
      default:
        throw new MillraceError('PROTOCOL', `Flink sent a frame of the unknown kind ${frame.kind}`);
    }
    frame.release();
  }

  #open(text: string): void {
    if (this.#opening !== undefined) throw new MillraceError('PROTOCOL', 'Flink sent OPEN twice');
    const request = parseOpenRequest(text, packageVersion);
    // Loading goes on while state comes in.
    const graph = loadGraph(request);
    graph.catch(() => undefined);
    this.#opening = { request, graph };
  }

  async #start(): Promise<void> {
    try {
      if (this.#opening === undefined) throw new MillraceError('PROTOCOL', 'Flink sent START before OPEN');
      if (this.#hasStarted) throw new MillraceError('PROTOCOL', 'Flink sent START twice');
      this.#hasStarted = true;
      const { request, graph } = this.#opening;
      const subtask = connectSubtask({
        ...{ request, graph: await graph, restored: this.#restored, link: this.#link, rings: this.#rings },
        post: (message) => this.#post(message),
      });
      this.#subtask = subtask;
      for (const message of this.#early) subtask.runner.handle(message);
      const isOpen = await subtask.open();
      await subtask.meet();
      if (isOpen) this.#link.sendJson({ kind: linkKind.ready }, { millrace: packageVersion, pid: process.pid });
      await subtask.run();
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#hasClosed = true;
    if (this.#mustClose) await this.#goodbye();
  }

  #tell(message: ToSubtask): void {
    if (this.#subtask === undefined) this.#early.push(message);
    else this.#subtask.runner.handle(message);
  }

  /** @param drained the subtask has finished; without checkpoints nobody else says that its sinks may commit */
  #close(drained: boolean): void {
    if (this.#mustClose) return;
    this.#mustClose = true;
    if (this.#hasClosed || !this.#hasStarted) void this.#goodbye();
    else if (drained && this.#subtask?.state.hasEnded === true) this.#subtask.state.completeFinal();
    else this.#tell({ type: 'close' });
  }

  async #goodbye(): Promise<void> {
    await this.#subtask?.flush();
    if (!this.#isCut) this.#link.send({ kind: linkKind.closed });
    await this.#link.end();
    this.#gone.resolve();
  }

  #post(message: FromSubtask): void {
    if (message.type === 'failed') this.#sayError(message.error);
    else this.#subtask?.hear(message);
  }

  #fail(thrown: unknown): void {
    this.#sayError(encodeError(thrown, 'USER_FUNCTION'));
    this.#tell({ type: 'close' });
    if (!this.#hasStarted) this.#hasClosed = true;
  }

  #sayError(error: EncodedError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#subtask?.failed();
    const retryable = !isLasting(error.code);
    // Who lost a peer is rarely the one to be replaced.
    this.#link.sendJson({ kind: linkKind.error }, { ...error, retryable, alone: retryable && !echoes.has(error.code) });
  }
}

async function loadGraph({ task, bundle }: OpenRequest): Promise<JobGraph> {
  const { job, bundle: submitted, ...planned } = task;
  const path = await placeBundle(bundle);
  return planAgain({
    ...planned,
    name: job.name,
    fixedChains: true,
    bundle: { path, hash: bundle.hash, ...(submitted.source === undefined ? {} : { source: submitted.source }) },
  });
}

function textOf(frame: LinkFrame): string {
  const text = Buffer.from(frame.payload).toString();
  frame.release();
  return text;
}
