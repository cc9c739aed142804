import { createRing, isRingEmpty } from '../../../memory/ring-memory.js';
import type { HostPlace, HostRing, PlacedSubtask, ToThread } from './thread-protocol.js';

/** Says something to one subtask of this host. */
export type Tell = (message: ToThread) => void;

interface Running extends PlacedSubtask {
  readonly path: string;
  readonly tell: Tell;
}

interface KnownRing extends HostRing {
  readonly edge: number;
  readonly from: HostPlace;
  readonly to: HostPlace;
  /** Socket of the subtask that writes it: a successor of that gets a ring of its own. */
  readonly writer: string;
  /** The writer was told. */
  isOpen: boolean;
}

/**
 * Gives two subtasks that run in this host a ring between them, so that batches need not leave it.
 *
 * ```
 * a: placed ─┐
 *            ├─► both here ─► read ─► b ─► reads ─► write ─► a       from now on a writes to the ring
 * b: placed ─┘
 * b dies     successor: placed ─► inherit                            it reads on where its predecessor had released
 * a dies     successor: placed ─► a ring of its own                  b reads the old one to its end first
 * ```
 * Only subtasks of one attempt are brought together: Flink restarts both ends of an exchange at once, and what was under way
 * between them is gone.
 */
export class RingBroker {
  readonly #running = new Map<string, Running>();
  readonly #rings = new Map<number, KnownRing>();
  #lastId = 0;

  /** @param path names the run of the subtask */
  placed(path: string, subtask: PlacedSubtask, tell: Tell): void {
    this.#forget(subtask.place);
    const running: Running = { ...subtask, path, tell };
    this.#running.set(path, running);
    const inherited = [...this.#rings.values()].filter(({ to }) => isSame(to, subtask.place));
    tell({ type: 'inherit', path, rings: inherited.map(shared) });
    for (const other of this.#running.values()) {
      this.#connect(running, other);
      if (other !== running) this.#connect(other, running);
    }
  }

  /** Its reader knows these rings. */
  reads(ids: readonly number[]): void {
    for (const id of ids) {
      const ring = this.#rings.get(id);
      if (ring === undefined || ring.isOpen) continue;
      ring.isOpen = true;
      const { edge, to, writer } = ring;
      this.#running.get(writer)?.tell({ type: 'write', path: writer, edge, index: to.index, ring: shared(ring) });
    }
  }

  /** The subtask of this socket is gone. */
  ended(path: string): void {
    this.#running.delete(path);
    for (const [id, { writer, memory }] of this.#rings) if (writer === path && isRingEmpty(memory)) this.#rings.delete(id);
  }

  #connect(from: Running, to: Running): void {
    for (const { edge, vertex, index } of from.outputs) {
      if (!isSame(to.place, { vertex, index, attempt: from.place.attempt })) continue;
      if ([...this.#rings.values()].some((ring) => ring.writer === from.path && ring.edge === edge && isSame(ring.to, to.place))) continue;
      const ring = {
        id: ++this.#lastId,
        memory: createRing({ producerBell: from.bell }),
        edge,
        from: from.place,
        to: to.place,
        writer: from.path,
        isOpen: false,
      };
      this.#rings.set(ring.id, ring);
      to.tell({ type: 'read', path: to.path, ring: shared(ring) });
    }
  }

  /** What earlier attempts of this subtask had. */
  #forget(place: HostPlace): void {
    const isOlder = (other: HostPlace): boolean => other.vertex === place.vertex && other.index === place.index && other.attempt < place.attempt;
    for (const [id, { from, to }] of this.#rings) if (isOlder(from) || isOlder(to)) this.#rings.delete(id);
  }
}

function isSame(one: HostPlace, other: HostPlace): boolean {
  return one.vertex === other.vertex && one.index === other.index && one.attempt === other.attempt;
}

function shared({ id, memory }: KnownRing): HostRing {
  return { id, memory };
}
