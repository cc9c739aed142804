import { MillraceError } from '../../../core/errors.js';
import { keyGroupRange } from '../../../stream/state/key-groups.js';
import { finalCut, type Snapshot, type StateChunk } from '../../../stream/subtask.js';
import { encodeSnapshots } from '../../runtime/chain-state.js';
import type { ChainState } from '../../runtime/protocol.js';
import { chunkBytes, writeChunk } from './chunk-wire.js';
import type { Link } from './link.js';
import type { PassedBarriers } from './passed-barriers.js';
import { linkKind } from './wire.js';

/** The event loop gets its turn at least this often while chunks are encoded. */
const yieldEveryMs = 10;

export interface StateStreamParts {
  readonly link: Pick<Link, 'send' | 'whenRoom'>;
  readonly barriers: Pick<PassedBarriers, 'frozen'>;
  readonly uids: readonly string[];
  readonly index: number;
  readonly parallelism: number;
  readonly keyGroups: number;
  /** Tells the operators that a cut is complete; after `finalCut` they close. */
  readonly complete: (cut: number) => void;
  /** Tells the operators that a cut will not be. */
  readonly abort: (cut: number) => void;
}

/**
 * Streams the state of a subtask to Flink behind the barrier, chunk by chunk, as fast as the socket takes it. Where the subtask
 * has ended, each further checkpoint gets the state of its last cut, and when the first of them is complete, its sinks commit.
 *
 * ```
 * frozen(n) ─► PASSED(n) ─► SNAPSHOT(n)* ─► SNAPSHOT_DONE(n) ─► COMPLETE(n) ─► operators complete(n) ─► COMMITTED(n)
 *                               └── ABORTED(n): the rest is not sent
 * ended ─► FINISHED │ BARRIER(m) ─► the same with the last cut ─► COMPLETE(m) ─► complete(finalCut) ─► COMMITTED(m)
 * ```
 */
export class StateStream {
  readonly #parts: StateStreamParts;
  readonly #aborted = new Set<number>();
  /** State of the last cut. */
  #final: ChainState | undefined;
  /** Checkpoints that have the state of the last cut. */
  readonly #finals = new Set<number>();
  readonly #awaitingFinal: number[] = [];
  #isFinalAsked = false;
  #isFinalComplete = false;

  constructor(parts: StateStreamParts) {
    this.#parts = parts;
  }

  get hasEnded(): boolean {
    return this.#final !== undefined;
  }

  /** All operators have frozen their state. @throws CUT_FAILED where the checkpoint was aborted, and what an operator throws */
  async snapshot(cut: number, snapshots: ReadonlyMap<string, Snapshot>): Promise<void> {
    const wasAborted = this.#aborted.has(cut);
    this.#parts.barriers.frozen(cut);
    // The operators heard of it before they had prepared anything.
    if (wasAborted) await this.#turn().then(() => this.#parts.abort(cut));
    const chunks = [...snapshots].map(([uid, snapshot]) => [uid, snapshot.parts()] as const);
    await this.#stream(cut, chunks);
  }

  /** All inputs have ended: from now on each checkpoint gets this state. */
  async keep(snapshots: ReadonlyMap<string, Snapshot>): Promise<void> {
    this.#final = await encodeSnapshots(snapshots);
  }

  /** A barrier for a subtask that has ended. @throws CUT_FAILED where the checkpoint was aborted */
  async barrierAfterEnd(cut: number): Promise<void> {
    this.#finals.add(cut);
    this.#parts.link.send({ kind: linkKind.passed, number: cut });
    await this.#stream(cut, Object.entries(this.#final as ChainState));
  }

  /** Checkpoint `cut` is complete: answered with COMMITTED when the operators have done what they do then. */
  complete(cut: number): void {
    if (this.#isFinalComplete) this.#committed(cut);
    else if (this.#isFinalAsked || this.#finals.has(cut)) {
      this.#awaitingFinal.push(cut);
      this.completeFinal();
    } else this.#parts.complete(cut);
  }

  /** What was prepared for the last cut is committed, once. */
  completeFinal(): void {
    if (this.#isFinalAsked) return;
    this.#isFinalAsked = true;
    this.#parts.complete(finalCut);
  }

  /** The operators have done what they do when a cut is complete. */
  completed(cut: number): void {
    if (cut !== finalCut) return this.#committed(cut);
    this.#isFinalComplete = true;
    for (const waiting of this.#awaitingFinal.splice(0)) this.#committed(waiting);
  }

  /** Checkpoint `cut` will not be. */
  abort(cut: number): void {
    // Older ones are decided by now.
    for (const old of this.#aborted) if (old < cut) this.#aborted.delete(old);
    this.#aborted.add(cut);
    this.#parts.abort(cut);
  }

  #committed(cut: number): void {
    this.#parts.link.send({ kind: linkKind.committed, number: cut });
  }

  async #stream(cut: number, operators: readonly (readonly [string, Iterable<StateChunk> | AsyncIterable<StateChunk>])[]): Promise<void> {
    const { link } = this.#parts;
    await this.#turn();
    let turnAt = performance.now();
    for (const [uid, chunks] of operators) {
      const name = Buffer.from(uid);
      for await (const { keyGroup, bytes } of chunks) {
        if (performance.now() - turnAt > yieldEveryMs) {
          await this.#turn();
          turnAt = performance.now();
        }
        await link.whenRoom();
        this.#goOn(cut);
        this.#send(cut, keyGroup, name, bytes);
      }
    }
    this.#goOn(cut);
    this.#sendRoll(cut);
    link.send({ kind: linkKind.snapshotDone, number: cut });
  }

  /** Lets the event loop go on. */
  #turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  #goOn(cut: number): void {
    if (this.#aborted.has(cut)) throw new MillraceError('CUT_FAILED', `checkpoint ${cut} was aborted`, { details: { abandoned: true } });
  }

  #send(cut: number, keyGroup: number, name: Uint8Array, bytes: Uint8Array): void {
    const header = { kind: linkKind.snapshot, target: keyGroup, number: cut };
    this.#parts.link.send(header, chunkBytes(name, bytes), (payload) => writeChunk(payload, name, bytes));
  }

  #sendRoll(cut: number): void {
    const { uids, index, parallelism, keyGroups } = this.#parts;
    const roll = Buffer.from(JSON.stringify(uids));
    const nobody = new Uint8Array(0);
    const { from, to } = keyGroupRange(index, parallelism, keyGroups);
    for (let group = from; group < to; group++) this.#send(cut, group, nobody, roll);
  }
}
