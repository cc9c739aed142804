import { MillraceError } from '../../../core/errors.js';
import { copyBytes } from '../../../memory/copy.js';
import type { StateChunk } from '../../../stream/subtask.js';
import type { ChainState } from '../../runtime/protocol.js';

/**
 * A chunk of state as Flink keeps it.
 *
 * ```
 * 0       2          2+n
 * +-------+----------+--------
 * | n u16 | uid utf8 | bytes      n = 0: a roll, bytes = JSON list of the uids of the chain that was snapshotted
 * +-------+----------+--------
 * ```
 * A roll lies in every key group, so that whoever restores one learns which operators the checkpoint knows: one without state
 * in it continues, one that is not on the roll is new.
 */
export function chunkBytes(uid: Uint8Array, chunk: Uint8Array): number {
  return 2 + uid.length + chunk.length;
}

export function writeChunk(payload: Uint8Array, uid: Uint8Array, chunk: Uint8Array): void {
  payload[0] = uid.length & 0xff;
  payload[1] = uid.length >>> 8;
  payload.set(uid, 2);
  // It may lie in shared memory.
  copyBytes(payload, 2 + uid.length, chunk);
}

/** Gathers the chunks of STATE frames. */
export class RestoredState {
  readonly #chunks: Record<string, StateChunk[]> = {};
  #roll: Set<string> | undefined;
  #count = 0;

  /** @throws STATE_INVALID where it is no chunk */
  add(keyGroup: number, payload: Uint8Array): void {
    const length = (payload[0] ?? 0) | ((payload[1] ?? 0) << 8);
    if (payload.length < 2 + length)
      throw new MillraceError('STATE_INVALID', `Flink restored a chunk of ${payload.length} bytes that is too short for its name`);
    const uid = Buffer.from(payload.subarray(2, 2 + length)).toString();
    // The frame's memory is used again.
    const bytes = new Uint8Array(payload.subarray(2 + length));
    if (uid === '') this.#addRoll(bytes);
    else (this.#chunks[uid] ??= []).push({ keyGroup, bytes });
    this.#count++;
  }

  /**
   * The state of a chain: an operator that has an entry, be it empty, continues from the checkpoint.
   *
   * Flink drops the state of a subtask that has finished, its roll too. Where it starts again after a failure, all its
   * operators continue; at a new start of the job nothing says that they are not new.
   *
   * @throws STATE_MISMATCH where state belongs to an operator that is elsewhere now
   */
  of(
    chain: { readonly name: string; readonly uids: readonly string[] },
    { restoredId, attempt }: { readonly restoredId: number; readonly attempt: number },
  ): ChainState {
    const strangers = Object.keys(this.#chunks).filter((uid) => !chain.uids.includes(uid));
    if (strangers.length > 0) throw mismatch(chain.name, strangers);
    const continues = (uid: string): boolean => this.#chunks[uid] !== undefined || (this.#roll === undefined ? attempt > 0 : this.#roll.has(uid));
    if (restoredId < 0 && this.#count === 0) return {};
    return Object.fromEntries(chain.uids.filter(continues).map((uid) => [uid, this.#chunks[uid] ?? []]));
  }

  #addRoll(bytes: Uint8Array): void {
    const uids = JSON.parse(Buffer.from(bytes).toString()) as readonly string[];
    this.#roll ??= new Set();
    for (const uid of uids) this.#roll.add(uid);
  }
}

function mismatch(chain: string, uids: readonly string[]): MillraceError {
  return new MillraceError(
    'STATE_MISMATCH',
    `${chain}: the checkpoint holds state of ${uids.join(', ')} here, which now ${uids.length === 1 ? 'runs' : 'run'} elsewhere or not at all: Flink keeps state by chain, so give operators the parallelism that they had, or start without the checkpoint`,
    { details: { chain, uids } },
  );
}
