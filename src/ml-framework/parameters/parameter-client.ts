import { MillraceError, deferred, withDeadline, type Clock, type Deferred } from '../../core/index.js';
import type { TensorValue } from '../../tensorflow/tensor-value.js';
import type { VariableSpec } from '../../tensorflow/model/trainable.js';
import type { FromShard, SegmentValues, ShardLink, ShardLinkEvents } from './messages.js';
import { cutIntoSegments, elementCount, spreadSegments, type SegmentSpec } from './segment.js';

export interface ParameterClientOptions {
  /** The node, for messages: 'worker 1'. */
  readonly name: string;
  readonly variables: readonly VariableSpec[];
  readonly shards: number;
  readonly clock: Clock;
  /** Waits that only the network can prolong end after this, ms. */
  readonly deadlineMs: number;
  /** Elements of the longest segment that initial weights are cut into. Default 65,536. */
  readonly maxSegmentLength?: number;
}

export type Weights = Readonly<Record<string, TensorValue>>;

interface ShardState {
  link: ShardLink;
  /** Its directory has come. */
  isKnown: boolean;
  isReady: boolean;
  /** Highest position that it had applied when this client came. */
  applied: number;
  segments: readonly SegmentSpec[];
  versions: number[];
}

/** Waits for one answer of every shard. */
interface Round {
  readonly left: Set<number>;
  readonly done: Deferred<void>;
}

export interface PushOptions {
  readonly examples: number;
  /** See {@link PushMessage.notBefore}. Default 0. */
  readonly notBefore?: number;
  /** Names the batch in the worker's lane; above that of the push before. Default: the next one. */
  readonly position?: number;
}

/**
 * A node's view of the parameters: pulls weights from and pushes gradients to every shard, in order.
 *
 * A push is outstanding until every shard has applied it; the next pull is answered after it. Waits for pushes have no
 * deadline of their own: a bsp round may wait for an idle stream as long as the members are alive, and a lost shard or
 * member ends it with a cause.
 */
export class ParameterClient {
  readonly #options: ParameterClientOptions;
  readonly #shards: ShardState[] = [];
  readonly #weights: Record<string, TensorValue> = {};
  readonly #acks = new Map<number, Round>();
  readonly #pulls = new Map<number, Round>();
  readonly #marks = new Map<number, Round>();
  #leaving: Round | undefined;
  #directoryChanged: Deferred<void> = deferred();
  #lost: unknown;
  #position = 0;
  #pullId = 0;
  #barrier = 0;
  #clock = 0;
  #applied = 0;

  /** @param connect opens the link to one shard; called once for each */
  constructor(options: ParameterClientOptions, connect: (shard: number, events: ShardLinkEvents) => ShardLink) {
    this.#options = options;
    for (const { name, shape } of options.variables) {
      this.#weights[name] = { dtype: 'float32', shape, data: sharedFloats(elementCount(shape)) };
    }
    for (let shard = 0; shard < options.shards; shard++) {
      const link = connect(shard, { message: (message) => this.#receive(shard, message), lost: (error) => this.#fail(error) });
      this.#shards.push({ link, isKnown: false, isReady: false, applied: 0, segments: [], versions: [] });
    }
  }

  /** Updates applied so far, as the shards last said. */
  get clock(): number {
    return this.#clock;
  }

  /**
   * True where a predecessor's push of the coming batch was applied, on some shard at least: the batch is repeated to
   * complete it, and its predictions, which go out before the push, are out.
   */
  get isRepeat(): boolean {
    return this.#position < this.#applied;
  }

  /** True where some shards had applied a predecessor's push of this batch and others had not. */
  isTorn(position: number): boolean {
    const applied = this.#shards.filter((shard) => shard.applied >= position).length;
    return applied > 0 && applied < this.#shards.length;
  }

  /** Continues a predecessor's lane: its released position, and the barrier before it. */
  resume(position: number, barrier: number): void {
    this.#position = position;
    this.#barrier = barrier;
  }

  /**
   * Waits until every shard has its segments.
   *
   * @param initial the weights to start from where no shard has any; given by one node of the cluster only
   * @throws STATE_INVALID where the segments do not make up the model's variables; DEADLINE_EXCEEDED
   */
  async ready(initial?: () => Weights): Promise<void> {
    const what = `${this.#options.name}: initial weights of the parameter servers`;
    await this.#until(() => this.#shards.every(({ isKnown }) => isKnown), what);
    if (initial !== undefined) this.#initialise(initial);
    await this.#until(() => this.#shards.every(({ isReady }) => isReady), what);
    this.#checkCoverage();
  }

  /**
   * The newest weights. The arrays are the client's own and change with the next pull: copy to keep.
   *
   * @param progress see {@link PullMessage.progress}
   */
  async pull(progress = 0): Promise<Weights> {
    const id = ++this.#pullId;
    const round = this.#round();
    this.#pulls.set(id, round);
    for (const { link, versions } of this.#shards) link.send({ kind: 'pull', id, progress, versions });
    await round.done.promise;
    return this.#weights;
  }

  /** Sends the gradients of one batch (new values for variables that are not trainable); resolves when every shard has applied them. Does not copy: leave the arrays be. */
  push(gradients: Weights, { examples, notBefore = 0, position = this.#position + 1 }: PushOptions): Promise<void> {
    this.#position = position;
    const round = this.#round();
    this.#acks.set(position, round);
    for (const { link, segments } of this.#shards) {
      link.send({ kind: 'push', position, examples, barrier: this.#barrier, notBefore, gradients: examples === 0 ? [] : this.#cut(gradients, segments) });
    }
    return round.done.promise;
  }

  /** Resolves when no push is outstanding. */
  async drain(): Promise<void> {
    while (this.#acks.size > 0) await [...this.#acks.values()].at(-1)!.done.promise;
  }

  /** At barrier `cut`: drains, then leaves rounds and order until the cut is decided. */
  async mark(cut: number): Promise<void> {
    await this.drain();
    const round = this.#round();
    this.#marks.set(cut, round);
    this.#barrier = cut;
    for (const { link } of this.#shards) link.send({ kind: 'mark', cut });
    await withDeadline(round.done.promise, this.#deadline(`mark of cut ${cut}`));
  }

  /** At the end of input: drains, then leaves for good. */
  async leave(): Promise<void> {
    await this.drain();
    this.#leaving = this.#round();
    for (const { link } of this.#shards) link.send({ kind: 'leave' });
    await withDeadline(this.#leaving.done.promise, this.#deadline('leave'));
  }

  close(): void {
    this.#fail(new MillraceError('CANCELLED', `${this.#options.name}: the connection to the parameter servers was closed`));
    for (const { link } of this.#shards) link.close();
  }

  #receive(shard: number, message: FromShard): void {
    const state = this.#shards[shard]!;
    switch (message.kind) {
      case 'directory':
        state.isReady = message.ready;
        state.segments = message.segments;
        state.versions = message.segments.map(() => -1);
        state.isKnown = true;
        state.applied = Math.max(state.applied, message.applied);
        this.#applied = Math.max(this.#applied, message.applied);
        this.#directoryChanged.resolve();
        this.#directoryChanged = deferred();
        break;
      case 'values':
        this.#clock = Math.max(this.#clock, message.clock);
        for (const values of message.values) this.#write(state, values);
        settle(this.#pulls, message.id, shard);
        break;
      case 'ack':
        this.#clock = Math.max(this.#clock, message.clock);
        settle(this.#acks, message.position, shard);
        break;
      case 'marked':
        settle(this.#marks, message.cut, shard);
        break;
      case 'left':
        if (this.#leaving !== undefined && this.#leaving.left.delete(shard) && this.#leaving.left.size === 0) this.#leaving.done.resolve();
        break;
    }
  }

  #write(state: ShardState, { segment, version, data }: SegmentValues): void {
    const { variable, offset } = state.segments[segment]!;
    (this.#weights[variable]!.data as Float32Array).set(data, offset);
    state.versions[segment] = version;
  }

  #cut(gradients: Weights, segments: readonly SegmentSpec[]): SegmentValues[] {
    return segments.flatMap(({ variable, offset, length }, segment) => {
      const gradient = gradients[variable];
      if (gradient === undefined) return [];
      return [{ segment, version: 0, data: (gradient.data as Float32Array).subarray(offset, offset + length) }];
    });
  }

  #initialise(initial: () => Weights): void {
    if (this.#shards.every(({ isReady }) => isReady)) return;
    // After a restore the ready shards hold everything between them, and one that got nothing starts empty. After the
    // death of a node that was initialising, they hold their part of the same layout.
    const held = new Set(this.#shards.flatMap(({ segments }) => segments).map(segmentKey));
    const spread = spreadSegments(cutIntoSegments(this.#options.variables, this.#options.maxSegmentLength), this.#shards.length);
    const weights = initial();
    this.#shards.forEach(({ link, isReady }, shard) => {
      if (isReady) return;
      const missing = spread[shard]!.filter((spec) => !held.has(segmentKey(spec)));
      const segments = missing.map((spec) => ({ spec, data: (weights[spec.variable]!.data as Float32Array).slice(spec.offset, spec.offset + spec.length) }));
      link.send({ kind: 'init', segments });
    });
  }

  #checkCoverage(): void {
    const held = new Map<string, number>();
    for (const { variable, length } of this.#shards.flatMap(({ segments }) => segments)) held.set(variable, (held.get(variable) ?? 0) + length);
    const wrong = this.#options.variables.filter(({ name, shape }) => held.get(name) !== elementCount(shape)).map(({ name }) => name);
    const unknown = [...held.keys()].filter((name) => this.#weights[name] === undefined);
    if (wrong.length + unknown.length === 0) return;
    throw new MillraceError(
      'STATE_INVALID',
      `${this.#options.name}: the parameter servers hold another model: ${[...wrong, ...unknown].join(', ')}; the model changed since the cut was taken`,
      {
        details: { wrong, unknown },
      },
    );
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = this.#options.clock.now() + this.#options.deadlineMs;
    while (!condition()) {
      if (this.#lost !== undefined) throw this.#lost;
      await withDeadline(this.#directoryChanged.promise, { ...this.#deadline(what), ms: deadline - this.#options.clock.now(), what });
    }
  }

  #round(): Round {
    const round = { left: new Set(this.#shards.keys()), done: deferred() };
    // Whoever waits sees the failure; a push that nobody waits for must not end the process.
    round.done.promise.catch(() => undefined);
    if (this.#lost !== undefined) round.done.reject(this.#lost);
    else if (round.left.size === 0) round.done.resolve();
    return round;
  }

  #deadline(what: string): { ms: number; what: string; clock: Clock } {
    return { ms: this.#options.deadlineMs, what: `${this.#options.name}: ${what}`, clock: this.#options.clock };
  }

  #fail(error: unknown): void {
    this.#lost ??= error;
    for (const rounds of [this.#acks, this.#pulls, this.#marks]) {
      for (const { done } of rounds.values()) done.reject(this.#lost);
      rounds.clear();
    }
    this.#leaving?.done.reject(this.#lost);
    this.#directoryChanged.promise.catch(() => undefined);
    this.#directoryChanged.reject(this.#lost);
    this.#directoryChanged = deferred();
  }
}

function segmentKey({ variable, offset }: SegmentSpec): string {
  return `${variable}@${offset}`;
}

function settle(rounds: Map<number, Round>, key: number, shard: number): void {
  const round = rounds.get(key);
  if (round === undefined || !round.left.delete(shard) || round.left.size > 0) return;
  rounds.delete(key);
  round.done.resolve();
}

/** Shared memory begins at an aligned address, so that native code can read the weights in place. */
function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
