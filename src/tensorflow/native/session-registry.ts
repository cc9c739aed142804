import { createHash } from 'node:crypto';
import { MillraceError } from '../../core/index.js';
import { processMemory } from '../library/process-memory.js';
import { waitForChange, withThreadLockSync } from '../library/thread-lock.js';
import { deletePointers, type SessionPointers } from './session-pointers.js';
import { ownReference, type SessionHandle, type SessionReference } from './session-reference.js';

/*
 * Sessions that the threads of this process share, in shared memory:
 *
 *   0   lock : int32, padding
 *   64  entries of 64 bytes: [state : int32][references : int32][session : u64][graph : u64][key : 32 bytes][padding]
 *
 *   empty --acquire--> loading --loaded--> ready --last release--> empty
 *                         \--load failed--> empty (those who wait try themselves, and get their own error)
 *
 * Pointers are written and entries change state only under the lock.
 */
const entryBytes = 64;
const states = { empty: 0, loading: 1, ready: 2 } as const;
const lockDeadlineMs = 30_000;
const loadDeadlineMs = 600_000;

class Entry {
  readonly #words: Int32Array;
  readonly #pointers: BigUint64Array;
  readonly #key: Uint8Array;

  constructor(
    readonly memory: SharedArrayBuffer,
    readonly offset: number,
  ) {
    this.#words = new Int32Array(memory, offset, 2);
    this.#pointers = new BigUint64Array(memory, offset + 8, 2);
    this.#key = new Uint8Array(memory, offset + 24, 32);
  }
  get state(): number {
    return Atomics.load(this.#words, 0);
  }
  setState(state: number): void {
    Atomics.store(this.#words, 0, state);
    Atomics.notify(this.#words, 0);
  }
  whileLoading(timeoutMs: number): Promise<void> {
    return waitForChange(this.#words, 0, states.loading, timeoutMs);
  }
  has(key: Uint8Array): boolean {
    return this.state !== states.empty && Buffer.compare(Buffer.from(this.#key), key) === 0;
  }
  claim(key: Uint8Array): void {
    this.#key.set(key);
    this.setState(states.loading);
  }
  publish({ session, graph }: SessionPointers): void {
    this.#pointers[0] = session;
    this.#pointers[1] = graph;
    this.#words[1] = 1;
    this.setState(states.ready);
  }
  get pointers(): SessionPointers {
    return { session: this.#pointers[0] as bigint, graph: this.#pointers[1] as bigint };
  }
  /** Changes the count by `amount` and returns what it is then. */
  count(amount: number): number {
    return Atomics.add(this.#words, 1, amount) + amount;
  }
}

function locked<T>(memory: SharedArrayBuffer, work: () => T): T {
  return withThreadLockSync(new Int32Array(memory, 0, 1), { deadlineMs: lockDeadlineMs, what: 'sharing TensorFlow sessions' }, work);
}

function entriesOf(memory: SharedArrayBuffer): Entry[] {
  return Array.from({ length: memory.byteLength / entryBytes - 1 }, (_, i) => new Entry(memory, (i + 1) * entryBytes));
}

/**
 * A reference to the session named `key`; the first to ask loads it, the others wait for that one.
 *
 * @throws DEADLINE_EXCEEDED where another thread's load does not end; otherwise what `load` throws
 */
export async function acquireShared(key: string, load: () => Promise<SessionPointers>, memory = processMemory('sessions')): Promise<SessionReference> {
  const hash = createHash('sha256').update(key).digest();
  const end = Date.now() + loadDeadlineMs;
  const entries = entriesOf(memory);
  for (;;) {
    const found = locked(memory, () => find(entries, hash));
    if (found === undefined) return ownReference(await load());
    if (found.action === 'use') return reference(found.entry);
    if (found.action === 'load') return await loadInto(found.entry, load);
    if (Date.now() >= end)
      throw new MillraceError('DEADLINE_EXCEEDED', `session ${key}: another thread has not loaded it within ${loadDeadlineMs} ms; it may have ended`);
    await found.entry.whileLoading(end - Date.now());
  }
}

type Found = { readonly action: 'use' | 'load' | 'wait'; readonly entry: Entry };

/** Undefined where all entries are taken: such a session is not shared. */
function find(entries: readonly Entry[], hash: Uint8Array): Found | undefined {
  const known = entries.find((entry) => entry.has(hash));
  if (known !== undefined) {
    if (known.state !== states.ready) return { action: 'wait', entry: known };
    known.count(1);
    return { action: 'use', entry: known };
  }
  const free = entries.find((entry) => entry.state === states.empty);
  if (free === undefined) return undefined;
  free.claim(hash);
  return { action: 'load', entry: free };
}

async function loadInto(entry: Entry, load: () => Promise<SessionPointers>): Promise<SessionReference> {
  try {
    const pointers = await load();
    locked(entry.memory, () => entry.publish(pointers));
    return reference(entry);
  } catch (thrown) {
    locked(entry.memory, () => entry.setState(states.empty));
    throw thrown;
  }
}

function reference(entry: Entry): SessionReference {
  const handle: SessionHandle = { pointers: entry.pointers, memory: entry.memory, countOffset: entry.offset + 4, registered: true };
  return {
    pointers: handle.pointers,
    addReference: () => {
      locked(entry.memory, () => entry.count(1));
      return handle;
    },
    release: () => {
      const last = locked(entry.memory, () => {
        const isLast = entry.count(-1) === 0;
        if (isLast) entry.setState(states.empty);
        return isLast;
      });
      // Outside the lock: freeing gigabytes takes a while, and nobody can find these pointers any more.
      if (last) deletePointers(handle.pointers);
    },
  };
}

/** The reference of a handle to a registered session. */
export function registeredReference(handle: SessionHandle): SessionReference {
  return reference(new Entry(handle.memory, handle.countOffset - 4));
}
