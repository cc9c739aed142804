import type { OperatorNode } from '../../stream/graph.js';
import type { ReadResult, Snapshot } from '../../stream/subtask.js';

/** What a chain tells the loop that runs it. */
export interface ChainEvents {
  fail(error: unknown, node: OperatorNode): void;
  decline(cut: number, error: unknown, node: OperatorNode): void;
  /** Every operator has frozen its state for `cut`. */
  frozen(cut: number, snapshots: ReadonlyMap<string, Snapshot>): void;
  /** Something happened that the loop may have to look at. */
  touched(): void;
}

interface Waiter {
  readonly isReady: () => boolean;
  readonly resolve: () => void;
}

/** What the operators of one chain share: whether a call is under way, whether one failed, and the cut that is being taken. */
export class Chain {
  failed = false;
  /** Answer of the head's last read(). */
  readResult: ReadResult | undefined;
  readonly #events: ChainEvents;
  readonly #operatorCount: number;
  readonly #waiting: Waiter[] = [];
  #calls = 0;
  #cut = -1;
  #snapshots = new Map<string, Snapshot>();

  constructor(operatorCount: number, events: ChainEvents) {
    this.#operatorCount = operatorCount;
    this.#events = events;
  }

  /** A call of some operator has returned a promise that has not settled yet. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  began(): void {
    this.#calls++;
  }

  settled(): void {
    this.#calls--;
    this.#events.touched();
  }

  touch(): void {
    this.#events.touched();
  }

  fail(error: unknown, node: OperatorNode): void {
    if (this.failed) return;
    this.failed = true;
    this.#events.fail(error, node);
  }

  decline(cut: number, error: unknown, node: OperatorNode): void {
    this.#events.decline(cut, error, node);
  }

  frozen(cut: number, node: OperatorNode, snapshot: Snapshot): void {
    if (cut !== this.#cut) {
      this.#cut = cut;
      this.#snapshots = new Map();
    }
    this.#snapshots.set(node.uid, snapshot);
    if (this.#snapshots.size === this.#operatorCount) this.#events.frozen(cut, this.#snapshots);
  }

  whenReady(isReady: () => boolean, resolve: () => void): void {
    this.#waiting.push({ isReady, resolve });
  }

  /** Called by the loop after outputs moved. */
  wakeReady(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiter = this.#waiting[i] as Waiter;
      if (!waiter.isReady()) continue;
      this.#waiting.splice(i, 1);
      waiter.resolve();
    }
  }
}
