import type { FromShard, PushMessage, ToShard } from '../../ml-framework/parameters/messages.js';

/**
 * One worker as a shard sees it.
 *
 * ```
 *            connect              mark(n)                cut n taken or aborted
 *  expected ────────► active ───────────────► parked(n) ───────────────────────► active
 *                        │  leave                 │  leave
 *                        └──────────► left ◄──────┘
 * ```
 * Rounds, and the order of labels, wait for members that are expected or active. A lost member stays what it was until
 * its successor connects: its unacknowledged pushes are dropped then, because the successor repeats them.
 */
export class Member {
  epoch = -1;
  hasLeft = false;
  /** The barrier passed and not yet decided; undefined while active. */
  parkedAt: number | undefined;
  /** Nothing of an earlier place in the order of batches is predicted any more. */
  progress = 0;
  /** Highest position applied. */
  applied = 0;
  /** Messages not yet handled, oldest first. */
  queue: ToShard[] = [];
  send: ((message: FromShard) => void) | undefined;

  constructor(readonly index: number) {}

  /** The push at the head of the queue. */
  get waiting(): PushMessage | undefined {
    const head = this.queue[0];
    return head?.kind === 'push' ? head : undefined;
  }

  get isActive(): boolean {
    return !this.hasLeft && this.parkedAt === undefined;
  }

  decide(cut: number): void {
    if (this.parkedAt !== undefined && this.parkedAt <= cut) this.parkedAt = undefined;
  }
}
