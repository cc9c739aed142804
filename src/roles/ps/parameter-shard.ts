import { MillraceError } from '../../core/index.js';
import type { FromShard, InitialSegment, PullMessage, PushMessage, ToShard } from '../../ml-framework/parameters/messages.js';
import type { OptimizerSpec } from '../../tensorflow/model/trainable.js';
import { Member } from './member.js';
import { createOptimizer, type Optimizer } from './optimizers/optimizer.js';
import { combineGradients } from './round.js';
import { Segment, type SegmentSnapshot } from './segment.js';

export interface ParameterShardOptions {
  /** Names the shard in messages: 'ps 0'. */
  readonly name: string;
  readonly workers: number;
  readonly mode: 'bsp' | 'asp';
  /** Default 'mean'. */
  readonly gradients?: 'mean' | 'sum';
  readonly optimizer: OptimizerSpec;
  /** Lease epoch of the shard itself: workers of an older deployment are fenced. */
  readonly epoch: number;
}

/** One worker's way in. */
export interface ShardSession {
  receive(message: ToShard): void;
}

/**
 * A shard of the parameters, without any input or output of its own.
 *
 * - **asp**: a push is applied when it comes.
 * - **bsp**: a round is the next push of each active member, not a step number; their mean, weighted by examples, or the
 *   sum over all examples, is one update. A member that passed a barrier, left or ended is not waited for.
 * - **cut**: a push tagged with barrier n is held until cut n is taken or aborted; `freeze(n)` needs the mark of every
 *   member that has not left. So a cut holds exactly what was pushed before the barriers.
 * - **order**: a push may not be applied before the predictions of every active member have come to its `notBefore`, so
 *   no prediction sees a label from its future, on whatever worker that was learned.
 * - **repeats**: a push is named by its position in the worker's lane; one at or below the applied position is
 *   acknowledged and not applied.
 */
export class ParameterShard {
  readonly #options: ParameterShardOptions;
  readonly #optimizer: Optimizer;
  readonly #members: readonly Member[];
  #segments: Segment[];
  #isReady: boolean;
  #clock = 0;
  /** The last cut taken or known to be aborted. */
  #cut = 0;

  /** @param restored segments of the last cut; empty on a first start, when `init` brings them */
  constructor(options: ParameterShardOptions, restored: readonly SegmentSnapshot[] = []) {
    this.#options = options;
    this.#optimizer = createOptimizer(options.optimizer);
    this.#members = Array.from({ length: options.workers }, (_, index) => new Member(index));
    this.#segments = restored.map((snapshot) => new Segment(snapshot));
    this.#isReady = restored.length > 0;
    // A segment's version counts updates, and every update touches every trainable segment of the shard.
    this.#clock = restored.reduce((most, { version }) => Math.max(most, version), 0);
  }

  /** Updates applied so far. */
  get clock(): number {
    return this.#clock;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Segments with their slots, as they are now. */
  snapshot(): SegmentSnapshot[] {
    return this.#segments.map((segment) => segment.snapshot());
  }

  /** A worker, or its successor, comes. @throws NODE_FENCED for an epoch older than the shard's or the predecessor's */
  connect(worker: number, epoch: number, send: (message: FromShard) => void): ShardSession {
    const member = this.#members[worker];
    if (member === undefined)
      throw new MillraceError('PROTOCOL', `${this.#options.name}: worker ${worker} of ${this.#members.length}: no such member of the cluster`);
    const oldest = Math.max(member.epoch, this.#options.epoch);
    if (epoch < oldest) {
      throw new MillraceError('NODE_FENCED', `${this.#options.name}: worker ${worker} speaks with lease epoch ${epoch}; epoch ${oldest} has taken over`, {
        details: { worker, epoch, current: oldest },
      });
    }
    member.epoch = epoch;
    member.queue = [];
    member.send = send;
    this.#sendDirectory(member);
    return {
      receive: (message) => {
        // A predecessor's stream may still deliver: what it says is the successor's to repeat.
        if (member.send !== send) return;
        member.queue.push(message);
        this.#pump();
      },
    };
  }

  /** At barrier `cut` of the shard's own operator. @throws CUT_FAILED where a member has not marked it */
  freeze(cut: number): SegmentSnapshot[] {
    const missing = this.#members.filter((member) => !member.hasLeft && (member.parkedAt ?? 0) < cut);
    if (missing.length > 0) {
      const names = missing.map(({ index }) => `worker ${index}`).join(', ');
      throw new MillraceError('CUT_FAILED', `${this.#options.name}: cut ${cut} without the mark of ${names}`, { details: { cut } });
    }
    const snapshot = this.snapshot();
    this.decide(cut);
    return snapshot;
  }

  /** Cut `cut` was taken or aborted: its members go on. */
  decide(cut: number): void {
    this.#cut = Math.max(this.#cut, cut);
    for (const member of this.#members) member.decide(this.#cut);
    this.#pump();
  }

  /** No member comes or speaks any more: those that ended before a restore never connected to this shard. */
  endMembers(): void {
    for (const member of this.#members) member.hasLeft = true;
    this.#pump();
  }

  /** Handles whatever can be handled, until nothing moves. */
  #pump(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const member of this.#members) while (this.#handleHead(member)) moved = true;
      if (this.#options.mode === 'bsp' && this.#closeRound()) moved = true;
    }
  }

  /** @returns true where the head of the member's queue was handled and removed */
  #handleHead(member: Member): boolean {
    const head = member.queue[0];
    switch (head?.kind) {
      case undefined:
        return false;
      case 'init':
        this.#init(head.segments);
        break;
      case 'pull':
        if (!this.#isReady) return false;
        this.#answerPull(member, head);
        break;
      case 'mark':
        // A mark of a later cut says that every earlier one is decided, should its notice have been lost.
        this.#cut = Math.max(this.#cut, head.cut - 1);
        for (const other of this.#members) other.decide(this.#cut);
        member.parkedAt = head.cut > this.#cut ? head.cut : undefined;
        member.send?.({ kind: 'marked', cut: head.cut });
        break;
      case 'leave':
        member.hasLeft = true;
        member.send?.({ kind: 'left' });
        break;
      case 'push':
        if (head.position > member.applied) {
          if (this.#options.mode === 'bsp' || !this.#isFree(head)) return false;
          this.#apply(head.examples === 0 ? [] : [head]);
        }
        this.#acknowledge(member, head);
        return true;
    }
    member.queue.shift();
    return true;
  }

  #isFree(push: PushMessage): boolean {
    if (!this.#isReady || push.barrier > this.#cut) return false;
    return push.notBefore === 0 || this.#members.every((member) => !member.isActive || member.progress >= push.notBefore);
  }

  #closeRound(): boolean {
    const round: Member[] = [];
    for (const member of this.#members) {
      const push = member.waiting;
      if (push !== undefined && this.#isFree(push)) round.push(member);
      else if (member.isActive) return false;
    }
    if (round.length === 0) return false;
    const pushes = round.map((member) => member.waiting!);
    this.#apply(pushes.filter((push) => push.examples > 0));
    round.forEach((member, i) => this.#acknowledge(member, pushes[i]!));
    return true;
  }

  #apply(pushes: readonly PushMessage[]): void {
    if (pushes.length === 0) return;
    const examples = pushes.reduce((sum, push) => sum + push.examples, 0);
    const isMean = this.#options.gradients !== 'sum';
    // What is not trainable comes as its value, and values are never summed.
    const gradients =
      isMean && pushes.length === 1 ? pushes[0]!.gradients : combineGradients(pushes, (segment) => isMean || this.#segments[segment]?.spec.trainable !== true);
    for (const { segment, data } of gradients) {
      const target = this.#segments[segment];
      if (target?.spec.length !== data.length) {
        throw new MillraceError(
          'PROTOCOL',
          `${this.#options.name}: a gradient of ${data.length} elements for segment ${segment} of ${target?.spec.length ?? 'none'}`,
        );
      }
      target.apply(this.#optimizer, data, examples);
    }
    this.#clock++;
  }

  #acknowledge(member: Member, push: PushMessage): void {
    member.applied = Math.max(member.applied, push.position);
    member.queue.shift();
    member.send?.({ kind: 'ack', position: push.position, clock: this.#clock });
  }

  #answerPull(member: Member, { id, progress, versions }: PullMessage): void {
    member.progress = Math.max(member.progress, progress);
    const values = this.#segments.flatMap((segment, index) =>
      segment.version > (versions[index] ?? -1) ? [{ segment: index, version: segment.version, data: segment.copy() }] : [],
    );
    member.send?.({ kind: 'values', id, clock: this.#clock, values });
  }

  #init(segments: readonly InitialSegment[]): void {
    if (this.#isReady) return;
    this.#segments = segments.map(({ spec, data }) => Segment.initial(spec, data, this.#optimizer));
    this.#isReady = true;
    for (const member of this.#members) this.#sendDirectory(member);
  }

  #sendDirectory(member: Member): void {
    member.send?.({ kind: 'directory', ready: this.#isReady, segments: this.#segments.map(({ spec }) => spec), applied: member.applied });
  }
}
