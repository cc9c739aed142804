import { MillraceError, noMetrics, silentLogger } from '../core/index.js';
import type { RecordBatch } from '../memory/batch.js';
import type { Edge, OperatorNode } from '../stream/graph.js';
import { keyGroupRange, keyGroupsOf, subtaskOfKeyGroup } from '../stream/state/key-groups.js';
import type { Output, StateChunk, Subtask, SubtaskContext } from '../stream/subtask.js';
import type { ManualClock } from './manual-clock.js';
import type { Signal } from './operator-harness.js';

/** One step of the harness, run when everything queued before it is done. */
export type Delivery = () => Promise<void>;

export interface HarnessOperatorOptions {
  readonly node: OperatorNode;
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly clock: ManualClock;
  readonly inEdges: readonly { readonly edge: Edge; readonly upstream: number }[];
  emit(index: number, tag: string | undefined, batch: RecordBatch): void;
  signal(index: number, signal: Signal): void;
  parallelismOf(uid: string): number;
}

/** A channel into a subtask: from one subtask of one input. */
interface Lane {
  readonly input: number;
  watermark: number;
  isIdle: boolean;
  passes: number;
  hasEnded: boolean;
}

interface Instance {
  readonly subtask: Subtask;
  readonly lanes: ReadonlyMap<string, Lane>;
  watermark: number;
  isIdle: boolean;
  passes: number;
  timer: number;
}

/** All subtasks of one operator in a harness, with the exchange in front of them. */
export class HarnessOperator {
  readonly node: OperatorNode;
  readonly parallelism: number;
  readonly #options: HarnessOperatorOptions;
  readonly #instances: Instance[];
  #nextTarget = 0;

  constructor(options: HarnessOperatorOptions) {
    this.#options = options;
    this.node = options.node;
    this.parallelism = options.parallelism;
    this.#instances = Array.from({ length: options.parallelism }, (_, index) => ({
      subtask: options.node.create() as Subtask,
      lanes: this.#lanesOf(index),
      watermark: -Infinity,
      isIdle: false,
      passes: 0,
      timer: Infinity,
    }));
  }

  async open(restored: readonly StateChunk[] | undefined, isRestored: boolean): Promise<void> {
    const { keyGroups } = this.#options;
    const dealt = this.#instances.map((): StateChunk[] => []);
    let next = 0;
    for (const chunk of restored ?? []) {
      const target = chunk.keyGroup < 0 ? next++ % this.parallelism : subtaskOfKeyGroup(chunk.keyGroup, this.parallelism, keyGroups);
      dealt[target]?.push(chunk);
    }
    for (const [index, { subtask }] of this.#instances.entries()) await subtask.open(this.#context(index, isRestored), dealt[index] ?? []);
  }

  /** Queues what a batch of upstream subtask `from` becomes behind the exchange of `edge`. */
  route(edge: Edge, from: number, batch: RecordBatch, queue: Delivery[]): void {
    const send = (index: number, part: RecordBatch): void => {
      if (part.length > 0) queue.push(async () => this.#instances[index]?.subtask.process(part, edge.input));
    };
    switch (edge.exchange.kind) {
      case 'forward':
        send(from % this.parallelism, batch);
        break;
      case 'rebalance':
        send(this.#nextTarget++ % this.parallelism, batch);
        break;
      case 'broadcast':
        for (let index = 0; index < this.parallelism; index++) send(index, batch);
        break;
      case 'hash': {
        const groups = keyGroupsOf(batch, edge.exchange.key, this.#options.keyGroups);
        const rows = this.#instances.map((): number[] => []);
        groups.forEach((group, row) => rows[subtaskOfKeyGroup(group, this.parallelism, this.#options.keyGroups)]?.push(row));
        rows.forEach((indices, index) => {
          send(index, batch.take(Int32Array.from(indices)));
        });
        break;
      }
      case 'control':
    }
  }

  routeSignal(edge: Edge, from: number, signal: Signal, queue: Delivery[]): void {
    for (const instance of this.#instances) {
      const lane = instance.lanes.get(laneKey(edge, from));
      if (lane !== undefined) queue.push(() => this.#receive(instance, lane, signal));
    }
  }

  get nextTimer(): number {
    return Math.min(...this.#instances.map(({ timer }) => timer));
  }

  async fireTimers(now: number): Promise<void> {
    for (const instance of this.#instances) {
      if (instance.timer > now) continue;
      instance.timer = Infinity;
      await instance.subtask.onProcessingTime?.(now);
    }
  }

  async prepareSnapshot(cut: number): Promise<void> {
    for (const { subtask } of this.#instances) await subtask.prepareSnapshot?.(cut);
  }

  async freeze(cut: number): Promise<StateChunk[]> {
    const chunks: StateChunk[] = [];
    for (const { subtask } of this.#instances) {
      const snapshot = subtask.freeze?.(cut);
      if (snapshot !== undefined) for await (const chunk of snapshot.parts()) chunks.push(chunk);
    }
    return chunks;
  }

  async complete(cut: number): Promise<void> {
    for (const { subtask } of this.#instances) await subtask.complete?.(cut);
  }

  async abort(cut: number): Promise<void> {
    for (const { subtask } of this.#instances) await subtask.abort?.(cut);
  }

  async close(drained: boolean): Promise<void> {
    for (const { subtask } of this.#instances) await subtask.close?.(drained);
  }

  #lanesOf(index: number): ReadonlyMap<string, Lane> {
    const lanes = new Map<string, Lane>();
    for (const { edge, upstream } of this.#options.inEdges) {
      for (let from = 0; from < upstream; from++) {
        if (edge.exchange.kind === 'forward' && from % this.parallelism !== index) continue;
        lanes.set(laneKey(edge, from), { input: edge.input, watermark: -Infinity, isIdle: false, passes: 0, hasEnded: false });
      }
    }
    return lanes;
  }

  async #receive(instance: Instance, lane: Lane, signal: Signal): Promise<void> {
    const { subtask } = instance;
    const pass = (next: Signal): void => {
      this.#options.signal(this.#instances.indexOf(instance), next);
    };
    switch (signal.kind) {
      case 'watermark':
        lane.watermark = Math.max(lane.watermark, signal.watermark);
        await this.#advance(instance);
        break;
      case 'idle':
        lane.isIdle = signal.isIdle;
        await this.#advance(instance);
        break;
      case 'pass': {
        lane.passes = signal.passes;
        const passes = Math.min(...[...instance.lanes.values()].map((each) => each.passes));
        if (passes <= instance.passes) break;
        instance.passes = passes;
        await subtask.endOfPass?.(passes);
        pass({ kind: 'pass', passes });
        break;
      }
      case 'end': {
        lane.hasEnded = true;
        const lanes = [...instance.lanes.values()];
        if (lanes.every((each) => each.hasEnded || each.input !== lane.input)) await subtask.endOfInput?.(lane.input);
        if (lanes.every((each) => each.hasEnded)) pass(signal);
      }
    }
  }

  async #advance(instance: Instance): Promise<void> {
    const { subtask } = instance;
    const lanes = [...instance.lanes.values()];
    const active = lanes.filter((lane) => !lane.isIdle);
    const pass = (signal: Signal): void => {
      this.#options.signal(this.#instances.indexOf(instance), signal);
    };
    const isIdle = active.length === 0;
    if (isIdle !== instance.isIdle) {
      await subtask.idle?.(isIdle);
      pass({ kind: 'idle', isIdle });
    }
    instance.isIdle = isIdle;
    const watermark = Math.min(...active.map((lane) => lane.watermark));
    if (isIdle || watermark <= instance.watermark) return;
    instance.watermark = watermark;
    await subtask.advance?.(watermark);
    if (subtask.makesWatermarks !== true || watermark === Infinity) pass({ kind: 'watermark', watermark });
  }

  #context(index: number, isRestored: boolean): SubtaskContext {
    const { node, keyGroups, clock, parallelismOf } = this.#options;
    const controller = new AbortController();
    return {
      job: { name: 'harness', id: 'harness' },
      operator: { uid: node.uid, name: node.name },
      index,
      parallelism: this.parallelism,
      parallelismOf,
      host: '127.0.0.1',
      attempt: isRestored ? 1 : 0,
      isRestored,
      hasEnded: () => false,
      keyGroups: keyGroupRange(index, this.parallelism, keyGroups),
      output: (tag) => this.#output(index, tag),
      clock,
      log: silentLogger,
      metrics: noMetrics,
      signal: controller.signal,
      setProcessingTimer: (timeMs) => {
        const instance = this.#instances[index] as Instance;
        instance.timer = Math.min(instance.timer, timeMs);
      },
      wake: () => undefined,
      fail: (error) => {
        throw MillraceError.from(error);
      },
      rendezvous: {
        publish: () => undefined,
        lookup: (key) => Promise.reject(new MillraceError('DEADLINE_EXCEEDED', `a harness has no rendezvous; nobody published '${key}'`)),
      },
      report: () => undefined,
    };
  }

  #output(index: number, tag: string | undefined): Output {
    const { emit, signal } = this.#options;
    return {
      emit: (batch) => {
        emit(index, tag, batch);
      },
      lend: (batch) => {
        emit(index, tag, batch.retain());
        return true;
      },
      emitWatermark: (watermark) => {
        signal(index, { kind: 'watermark', watermark });
      },
      emitIdle: (isIdle) => {
        signal(index, { kind: 'idle', isIdle });
      },
      endOfPass: (passes) => {
        signal(index, { kind: 'pass', passes });
      },
      ready: () => undefined,
    };
  }
}

function laneKey(edge: Edge, from: number): string {
  return `${edge.from} ${edge.tag ?? ''} ${edge.input} ${from}`;
}
