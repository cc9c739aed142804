import { MillraceError } from '../../../core/errors.js';
import { deferred } from '../../../core/lifecycle.js';
import { frameKind } from '../../../memory/frame.js';
import { RingWriter } from '../../../memory/ring-writer.js';
import { RingFrames } from './ring-frames.js';
import { readReference } from './ring-reference.js';
import type { FromThread, HostRing, PlacedSubtask, ToThread } from './thread-protocol.js';
import { referenceKind, type LinkFrame } from './wire.js';

/** A ring to a subtask of this host. */
export interface RingOut {
  readonly id: number;
  readonly writer: RingWriter;
}

/**
 * The rings of one subtask, to and from others of its host: batches stay in their memory, and what goes through Flink, in their
 * place and order, is where they lie.
 *
 * ```
 *            ┌─ batch ─────► ring ─────────────────────────────► batch ─┐
 * LinkWriter ┤                                                          ├ LinkGate
 *            └─ reference ─► Link ─► Java ─► Flink ─► Java ─► Link ─────┘
 * ```
 */
export class HostRings {
  readonly #say: (message: FromThread) => void;
  readonly #inherited = deferred();
  /** That no reference has named yet. */
  readonly #offered = new Map<number, HostRing>();
  /** The one that is read, of each lane. A reference to the next one says that nothing more comes from that before. */
  readonly #readers = new Map<number, { readonly id: number; readonly frames: RingFrames }>();
  readonly #writers = new Map<number, RingOut>();

  /** @param say tells the host's main thread */
  constructor(say: (message: FromThread) => void) {
    this.#say = say;
  }

  /** Resolves when all is there that a predecessor has left. */
  place(placed: PlacedSubtask): Promise<void> {
    this.#say({ type: 'placed', placed });
    return this.#inherited.promise;
  }

  hear(message: Exclude<ToThread, { readonly type: 'run' }>): void {
    switch (message.type) {
      case 'inherit':
        this.#offer(message.rings);
        this.#inherited.resolve();
        break;
      case 'read':
        this.#offer([message.ring]);
        break;
      case 'write':
        this.#writers.set(laneOf(message.edge, message.index), { id: message.ring.id, writer: new RingWriter(message.ring.memory) });
        break;
    }
  }

  /** Undefined where the target is in another host, or not there yet. */
  to(edge: number, target: number): RingOut | undefined {
    return this.#writers.get(laneOf(edge, target));
  }

  /**
   * The frame that a reference stands for; any other as it is.
   *
   * @throws UNAVAILABLE where it is not in this host
   */
  resolve(reference: LinkFrame): LinkFrame {
    if (reference.flags !== referenceKind) return reference;
    const { ring, sequence } = readReference(reference.payload);
    const { edge, from } = reference;
    reference.release();
    const frame = this.#reader(laneOf(edge, from), ring).read(sequence);
    return { ...reference, flags: frameKind.data, payload: frame.payload, release: () => frame.release() };
  }

  #offer(rings: readonly HostRing[]): void {
    for (const ring of rings) this.#offered.set(ring.id, ring);
    this.#say({ type: 'reads', rings: rings.map(({ id }) => id) });
  }

  #reader(lane: number, id: number): RingFrames {
    const known = this.#readers.get(lane);
    if (known?.id === id) return known.frames;
    const ring = this.#offered.get(id);
    if (ring === undefined) throw new MillraceError('UNAVAILABLE', `a batch lies in ring ${id}, which this host does not have for the subtask`);
    this.#offered.delete(id);
    const frames = new RingFrames(ring.memory);
    this.#readers.set(lane, { id, frames });
    return frames;
  }
}

function laneOf(edge: number, subtask: number): number {
  return edge * 2 ** 32 + subtask;
}
