import { encodeError, MillraceError, systemClock, type Clock } from '../../core/index.js';
import type { Doorbell } from '../../memory/channel.js';
import type { OperatorNode } from '../../stream/graph.js';
import { finalCut, type Snapshot, type StateChunk, type SubtaskContext } from '../../stream/subtask.js';
import type { Chain, ChainEvents } from './chain.js';
import type { ExchangeWriter } from './exchange-writer.js';
import type { Gate } from './gate.js';
import { LoopClock } from './loop-clock.js';
import type { Item, OperatorDriver } from './operator-driver.js';
import { operatorError } from './operator-error.js';
import type { FromSubtask, ToSubtask } from './protocol.js';
import type { RendezvousClient } from './rendezvous.js';

/** Where the state of a subtask goes. */
export interface StateOutlet {
  /** All operators have frozen their state for a cut; it is read while the loop goes on. A rejection declines the cut. */
  snapshot(cut: number, snapshots: ReadonlyMap<string, Snapshot>): Promise<void>;
  /** All inputs have ended, and what was emitted is on its way: the state of the final cut. */
  ended(snapshots: ReadonlyMap<string, Snapshot>): Promise<void>;
  /** All operators have done what they do when a cut is complete. */
  completed?(cut: number): void;
}

export interface RunnerParts {
  readonly index: number;
  readonly parallelism: number;
  readonly chain: Chain;
  /** In topological order; the first one is the head. */
  readonly drivers: readonly OperatorDriver[];
  readonly gate: Gate;
  readonly exchanges: readonly ExchangeWriter[];
  readonly doorbell: Doorbell;
  readonly time: LoopClock;
  readonly post: (message: FromSubtask) => void;
  readonly state: StateOutlet;
  readonly abort: AbortController;
  readonly rendezvous: RendezvousClient;
  readonly clock?: Clock;
}

/** The thread's event loop gets its turn at least this often, so that timers, gRPC and messages go on. */
const yieldEveryMs = 10;
const longestSleepMs = 1_000;

/**
 * The loop of one subtask. It never blocks the event loop and never waits for room: what does not fit downstream is
 * held, and nothing is read or processed until it is gone.
 *
 * ```
 * running ──► (flush │ timers │ cut │ take a frame │ read)* ──► ended ──► complete(finalCut) ──► closed
 *    │            nothing to do: sleep on the doorbell           ▲
 *    └── close, failure ─────────────────────────────────────────┴──────────────────────────► closed
 * ```
 */
export class SubtaskRunner implements ChainEvents {
  #parts!: RunnerParts;
  #clock: Clock = systemClock;
  #head!: OperatorDriver;
  /** A cut asked for by the main thread; acted on where no channel brings its barrier. */
  #asked: { readonly cut: number; readonly stop: boolean } | undefined;
  #lastCut = -1;
  #stopped = false;
  #closing = false;
  #draining = false;
  #readAt = 0;
  #woken = false;
  #reading = false;
  #sourceEnded = true;
  #inputEnded = false;
  /** All operators have had their last cut. */
  #finalState: ReadonlyMap<string, Snapshot> | undefined;
  #endPosted = false;
  #committed = false;
  #asleep = false;
  readonly #opened: OperatorDriver[] = [];

  /** The loop and its parts know each other: this comes once, before anything else. */
  attach(parts: RunnerParts): void {
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
    this.#head = parts.drivers[0] as OperatorDriver;
    this.#sourceEnded = !this.#head.makesRecords;
    if (this.#sourceEnded && parts.gate.channelCount === 0) {
      throw new MillraceError('GRAPH_INVALID', `${this.#head.node.name}: has no input and makes no records by itself (no read())`);
    }
  }

  /** Time spent waiting for room downstream. @param nowMs performance.now() */
  backpressuredMs(nowMs: number): number {
    return this.#parts.time.backpressuredMs(nowMs);
  }

  get head(): OperatorNode {
    return this.#head.node;
  }

  /** Opens the operators from the last to the head. @returns false where one failed: the failure is reported */
  async open(prepare: (driver: OperatorDriver) => { readonly context: SubtaskContext; readonly restored: readonly StateChunk[] }): Promise<boolean> {
    const { drivers, chain } = this.#parts;
    for (const driver of [...drivers].reverse()) {
      if (this.#closing) return false;
      try {
        const { context, restored } = prepare(driver);
        this.#opened.push(driver);
        await driver.open(context, restored);
      } catch (thrown) {
        chain.fail(thrown, driver.node);
        return false;
      }
    }
    return true;
  }

  /** Messages of the main thread; may come at any time. */
  handle(message: ToSubtask): void {
    switch (message.type) {
      case 'cut':
        this.#asked = message;
        break;
      case 'complete':
        this.#complete(message.cut);
        break;
      case 'abort':
        this.#abortCut(message.cut);
        break;
      case 'drain':
        this.#drain();
        break;
      case 'close':
        this.#closing = true;
        this.#parts.abort.abort(new MillraceError('CANCELLED', 'the subtask was told to stop'));
        break;
      case 'found':
        this.#parts.rendezvous.found(message.request, message.value);
        return;
    }
    this.#parts.doorbell.ring();
  }

  /** A waiting source reads again. */
  wake(): void {
    this.#woken = true;
    this.#parts.doorbell.ring();
  }

  /** Something moved outside the loop (an asynchronous emit, a call that settled). */
  touched(): void {
    if (this.#asleep) this.#parts.doorbell.ring();
  }

  fail(error: unknown, node: OperatorNode): void {
    const { index, parallelism, post } = this.#parts;
    post({ type: 'failed', atMs: performance.timeOrigin + performance.now(), error: encodeError(operatorError(error, node, index, parallelism)) });
    this.#closing = true;
    this.#parts.abort.abort(new MillraceError('CANCELLED', 'the subtask failed'));
    this.#parts.doorbell.ring();
  }

  decline(cut: number, error: unknown, node: OperatorNode): void {
    const { index, parallelism, post } = this.#parts;
    post({ type: 'declined', cut, error: encodeError(operatorError(error, node, index, parallelism)) });
  }

  frozen(cut: number, snapshots: ReadonlyMap<string, Snapshot>): void {
    if (cut === finalCut) {
      this.#finalState = snapshots;
      return;
    }
    this.#parts.state.snapshot(cut, snapshots).catch((thrown: unknown) => this.decline(cut, thrown, this.#head.node));
  }

  /** Runs until the subtask has closed. */
  async run(): Promise<void> {
    try {
      await this.#loop();
    } catch (thrown) {
      // Outside any operator's call: a frame that cannot be decoded, say.
      this.#parts.chain.fail(thrown, this.head);
    }
    await this.#close();
  }

  async #loop(): Promise<void> {
    const { chain, doorbell, time, gate } = this.#parts;
    if (!this.#closing) gate.start();
    let yieldedAt = time.start();
    // Reading the epoch arms the bell, and an armed bell costs every producer a wake-up: only who found nothing reads it,
    // looks once more, and then sleeps.
    let seen: number | undefined;
    while (!this.#closing && !this.#isDone()) {
      const worked = this.#step();
      if (this.#finalState !== undefined && !this.#endPosted && !this.#held()) await this.#postEnd(this.#finalState);
      const now = time.lap('busy');
      if (worked) {
        seen = undefined;
        if (now - yieldedAt < yieldEveryMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        yieldedAt = performance.now();
      } else if (seen === undefined) {
        seen = doorbell.epoch;
      } else if (!this.#closing && !this.#isDone()) {
        // What it waits for is known before it sleeps: whatever wakes it has ended that.
        const spent = this.#held() ? 'backpressured' : chain.busy ? 'busy' : 'idle';
        time.waits(spent);
        this.#asleep = true;
        await doorbell.wait(seen, this.#sleepMs(now));
        this.#asleep = false;
        seen = undefined;
        yieldedAt = time.lap(spent);
      }
    }
  }

  /** One small piece of work. @returns false where there is none */
  #step(): boolean {
    const { chain, exchanges, gate } = this.#parts;
    let moved = false;
    const now = performance.now();
    for (const exchange of exchanges) {
      if (exchange.flushAt <= now) exchange.gatherNoMore();
      if (exchange.flush()) moved = true;
    }
    chain.wakeReady();
    if (chain.busy) return moved;
    this.#afterRead();
    gate.release();
    if (this.#held() || this.#stopped || chain.failed || this.#inputEnded) return moved;
    return this.#timers() || this.#cutWithoutChannels() || gate.take() || this.#read() || this.#endOfSource() || moved;
  }

  #held(): boolean {
    return this.#parts.exchanges.some((exchange) => exchange.held);
  }

  #timers(): boolean {
    let fired = false;
    for (const driver of this.#parts.drivers) {
      if (driver.timerAt === Infinity || driver.timerAt > this.#clock.now()) continue;
      driver.timerAt = Infinity;
      driver.receive({ kind: 'timer', timeMs: this.#clock.now() });
      fired = true;
    }
    return fired;
  }

  /** Sources, and subtasks whose channels have all ended, take the barrier from the main thread. */
  #cutWithoutChannels(): boolean {
    const asked = this.#asked;
    if (asked === undefined || !this.#parts.gate.allEnded) return false;
    this.#asked = undefined;
    if (asked.cut <= this.#lastCut) return false;
    this.#barrier(asked.cut, asked.stop);
    return true;
  }

  /** What the channels bring. */
  deliver(item: Item): void {
    if (item.kind === 'barrier') {
      this.#barrier(item.cut, item.stop);
    } else if (item.kind === 'endOfInput' && item.last) {
      // A head that also makes records goes on until it says so itself.
      this.#head.receive({ ...item, last: !this.#head.makesRecords });
      if (this.#head.makesRecords) this.#drain();
      else this.#inputEnded = true;
    } else {
      this.#head.receive(item);
    }
  }

  #barrier(cut: number, stop: boolean): void {
    this.#lastCut = cut;
    this.#stopped = stop;
    this.#head.receive({ kind: 'barrier', cut, stop });
  }

  #read(): boolean {
    if (this.#sourceEnded) return false;
    const due = this.#woken || performance.now() >= this.#readAt;
    if (!due) return false;
    this.#woken = false;
    this.#reading = true;
    this.#head.receive({ kind: 'read' });
    if (!this.#parts.chain.busy) this.#afterRead();
    return true;
  }

  #afterRead(): void {
    if (!this.#reading || this.#parts.chain.busy) return;
    this.#reading = false;
    const result = this.#parts.chain.readResult;
    if (result === undefined) return;
    this.#readAt = result.next === 'wait' ? performance.now() + result.afterMs : 0;
    if (result.next === 'end') this.#sourceEnded = true;
  }

  /** A head that reads has no more: time ends, then its stream. */
  #endOfSource(): boolean {
    const { gate } = this.#parts;
    if (!this.#head.makesRecords || !this.#sourceEnded || this.#inputEnded || !gate.allEnded) return false;
    this.#inputEnded = true;
    this.#head.receive({ kind: 'end' });
    return true;
  }

  #drain(): void {
    if (this.#draining || !this.#head.makesRecords) return;
    this.#draining = true;
    if (!this.#head.drain()) this.#sourceEnded = true;
    this.wake();
  }

  #complete(cut: number): void {
    const { drivers, state } = this.#parts;
    let left = drivers.length;
    const done = (): void => {
      if (--left === 0) state.completed?.(cut);
    };
    for (const driver of drivers) driver.decide({ kind: 'complete', cut, done });
    this.#committed ||= cut === finalCut;
  }

  #abortCut(cut: number): void {
    const { gate, drivers } = this.#parts;
    if (this.#asked?.cut === cut) this.#asked = undefined;
    gate.abort(cut);
    if (cut === this.#lastCut) this.#stopped = false;
    this.#lastCut = Math.max(this.#lastCut, cut);
    for (const driver of drivers) driver.decide({ kind: 'abort', cut });
  }

  async #postEnd(snapshots: ReadonlyMap<string, Snapshot>): Promise<void> {
    this.#endPosted = true;
    await this.#parts.state.ended(snapshots);
  }

  #isDone(): boolean {
    return this.#committed && !this.#parts.chain.busy;
  }

  #sleepMs(now: number): number {
    let until = now + longestSleepMs;
    for (const exchange of this.#parts.exchanges) until = Math.min(until, exchange.flushAt);
    if (this.#parts.chain.busy || this.#held()) return Math.max(until - now, 0);
    if (!this.#sourceEnded && !this.#stopped) until = Math.min(until, this.#readAt);
    const wall = this.#clock.now();
    for (const driver of this.#parts.drivers) until = Math.min(until, now + driver.timerAt - wall);
    return Math.max(until - now, 0);
  }

  /** Calls never overlap, also at the end: a call that is under way is waited for; the main thread's deadline bounds that. */
  async #close(): Promise<void> {
    const { chain, doorbell } = this.#parts;
    const drained = this.#committed && !this.#closing;
    while (chain.busy) {
      const seen = doorbell.epoch;
      this.#asleep = true;
      if (chain.busy) await doorbell.wait(seen, longestSleepMs);
    }
    for (const driver of this.#opened.reverse()) {
      try {
        await driver.close(drained);
      } catch (thrown) {
        if (!chain.failed) chain.fail(thrown, driver.node);
      }
    }
    this.#parts.post({ type: 'closed' });
  }
}
