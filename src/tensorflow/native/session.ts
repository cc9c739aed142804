import { deferred, MillraceError, resolveOptions, type Deferred } from '../../core/index.js';
import type { TensorValue } from '../tensor-value.js';
import { cApi } from './c-api.js';
import { limitCalls } from './call-limit.js';
import { FeedSafety } from './feed-safety.js';
import { makeRunPlan, type RunPlan } from './run-plan.js';
import { onCallingThread } from './run-options.js';
import { RunTrace, type RunProfile } from './run-trace.js';
import { graphOptionsSchema, resolveSavedModelOptions, type GraphSessionOptions, type SavedModelOptions, type SessionThreads } from './session-options.js';
import { SessionCall, type RunBuffers } from './session-call.js';
import { extendGraph, importGraph, loadSavedModel } from './session-pointers.js';
import { countedReference, ownReference, type SessionHandle, type SessionReference } from './session-reference.js';
import { acquireShared, registeredReference } from './session-registry.js';
import { withStatus, withStatusAsync } from './status.js';
import { savedModelIdentity } from '../saved-model/read-saved-model.js';
import { GraphDef } from '../saved-model/generated/tensorflow.js';

/** Values by tensor name: `node`, or `node:i` for output i. */
export type TensorsByName = Readonly<Record<string, TensorValue>>;

/** Values in the order of the names that were given to prepare(). */
export interface PreparedRun {
  run(feeds: readonly TensorValue[]): Promise<TensorValue[]>;
  /** The same, blocking this thread. */
  runSync(feeds: readonly TensorValue[]): TensorValue[];
  /** One run under TensorFlow's own stop-watch, which makes it slower; it counts like any other run. */
  profile(feeds: readonly TensorValue[]): Promise<ProfiledRun>;
}

export interface ProfiledRun {
  readonly results: readonly TensorValue[];
  readonly profile: RunProfile;
}

// A session that nobody closed gives its reference up when it is collected. A net, not a way to close.
const abandoned = new FinalizationRegistry<SessionReference>((reference) => {
  reference.release();
});

/**
 * A TensorFlow graph with its variables, run through TensorFlow's C API.
 *
 * Feeds: arrays in a SharedArrayBuffer that start at a 64-byte aligned address and have at least 4 KiB are read in
 * place where the graph provably keeps nothing of them, so leave them unchanged until the call ends; all others are
 * copied before `run` returns its promise. Results are fresh arrays of the caller's.
 *
 * A call runs its operations one after the other on one thread (many use several inside), which costs the least. Calls that
 * change something, such as training steps, on large feeds have the process's pool run independent operations at once, unless
 * several threads share the session; option threads.interOp gives it a pool of its own for all its calls.
 *
 * Calls may overlap, also from several threads; the graph's own rules say what that means for its variables. TensorFlow
 * cannot be interrupted: terminating a thread waits for its calls, and a thread that ends without {@link close} leaves
 * its reference, so that the memory stays until the process ends.
 */
export class NativeSession {
  readonly #reference: SessionReference;
  readonly #safety: FeedSafety;
  /** Of its own, for operations. */
  readonly #hasPool: boolean;
  readonly #prepared = new Map<string, PreparedRun>();
  /** Other threads run it, too: they are the parallelism. */
  #isShared = false;
  #inFlight = 0;
  #closing: Deferred<void> | undefined;

  private constructor(
    reference: SessionReference,
    safety: FeedSafety,
    /** Where the graph comes from, for messages. */
    readonly origin: string,
    { interOp }: SessionThreads = {},
  ) {
    this.#hasPool = interOp !== undefined;
    this.#reference = reference;
    this.#safety = safety;
    abandoned.register(this, reference, this);
  }

  /**
   * Opens the graph and the variables of a SavedModel. Loading leaves the event loop free.
   *
   * @throws FILE_NOT_FOUND, FORMAT_INVALID, MODEL_INVALID (no meta graph has the tags; TensorFlow's own refusal), SETUP_NEEDED
   */
  static async openSavedModel(dir: string, options?: SavedModelOptions): Promise<NativeSession> {
    const origin = `SavedModel ${dir}`;
    const { tags, shared, threads } = resolveSavedModelOptions(options, origin);
    const identity = await savedModelIdentity(dir);
    const load = () => limitCalls(() => loadSavedModel(identity.dir, tags, threads));
    const key = JSON.stringify([identity, [...tags].sort(), threads]);
    const reference = shared ? await acquireShared(key, load) : ownReference(await load());
    return new NativeSession(reference, FeedSafety.ofSavedModel(identity.dir, tags), origin, threads);
  }

  /**
   * Opens a graph from the bytes of a GraphDef and runs its `init` nodes. The bytes are copied.
   *
   * @throws MODEL_INVALID, SETUP_NEEDED
   */
  static async fromGraphDef(graphDef: Uint8Array, options?: GraphSessionOptions): Promise<NativeSession> {
    const { init, threads } = resolveOptions(graphOptionsSchema, options, 'graph session');
    const session = NativeSession.#ofGraph(graphDef, threads);
    try {
      for (const target of init) await session.run({}, [], [target]);
      return session;
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  /** A session without any node, to be {@link extend}ed. @throws OPTION_INVALID, SETUP_NEEDED */
  static empty(threads: SessionThreads = {}): NativeSession {
    return NativeSession.#ofGraph(new Uint8Array(), resolveOptions(graphOptionsSchema, { threads }, 'graph session').threads);
  }

  static #ofGraph(graphDef: Uint8Array, threads: SessionThreads): NativeSession {
    const reference = ownReference(importGraph(graphDef, threads));
    return new NativeSession(reference, FeedSafety.ofGraph(GraphDef.decode(graphDef)), 'graph', threads);
  }

  /** A session on what {@link share} of another thread has sent. It copies all feeds. */
  static attach(handle: SessionHandle): NativeSession {
    const reference = handle.registered ? registeredReference(handle) : countedReference(handle);
    const session = new NativeSession(reference, FeedSafety.unknown(), 'shared session');
    session.#isShared = true;
    return session;
  }

  /** A reference for another thread of this process: send it with postMessage and {@link attach} it there, once. */
  share(): SessionHandle {
    this.#checkOpen();
    this.#isShared = true;
    return this.#reference.addReference();
  }

  /**
   * Adds the nodes of a GraphDef; later runs may use them. Variables are the session's: a new VarHandleOp with the
   * `shared_name` of one that is there is the same variable. The bytes are copied.
   *
   * @throws MODEL_INVALID where a node's name is taken, or TensorFlow refuses the graph
   */
  extend(graphDef: Uint8Array): void {
    this.#checkOpen();
    extendGraph(this.#reference.pointers.graph, graphDef);
    this.#safety.add(GraphDef.decode(graphDef));
  }

  /**
   * Runs what `fetches` and `targets` need on threads of the native side; timers and I/O of this thread go on.
   *
   * @returns a value for each name in `fetches`
   * @throws MODEL_INVALID for a name that the graph does not have, SHAPE_MISMATCH where a feed's data does not fit its
   *   shape, TENSORFLOW with TensorFlow's own words, RESOURCE_EXHAUSTED where it has no memory
   */
  async run(feeds: TensorsByName, fetches: readonly string[], targets: readonly string[] = []): Promise<Record<string, TensorValue>> {
    const results = await this.prepare(Object.keys(feeds), fetches, targets).run(Object.values(feeds));
    return Object.fromEntries(fetches.map((name, i) => [name, results[i] as TensorValue]));
  }

  /** The same, blocking this thread: the least overhead for graphs that run in well under a millisecond. */
  runSync(feeds: TensorsByName, fetches: readonly string[], targets: readonly string[] = []): Record<string, TensorValue> {
    const results = this.prepare(Object.keys(feeds), fetches, targets).runSync(Object.values(feeds));
    return Object.fromEntries(fetches.map((name, i) => [name, results[i] as TensorValue]));
  }

  /**
   * A run whose names are looked up once, for calls that repeat.
   *
   * @throws MODEL_INVALID for a name that the graph does not have
   */
  prepare(feeds: readonly string[], fetches: readonly string[], targets: readonly string[] = []): PreparedRun {
    this.#checkOpen();
    const key = JSON.stringify([feeds, fetches, targets]);
    let prepared = this.#prepared.get(key);
    if (prepared === undefined) {
      const plan = makeRunPlan(cApi(), this.#reference.pointers.graph, feeds, fetches, targets);
      prepared = this.#preparedRun(plan);
      if (this.#prepared.size >= maxPrepared) this.#prepared.clear();
      this.#prepared.set(key, prepared);
    }
    return prepared;
  }

  /** Waits for this thread's runs in flight, then gives the session up; the last thread to do so frees its memory. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = deferred();
      abandoned.unregister(this);
      if (this.#inFlight === 0) this.#release();
    }
    return this.#closing.promise;
  }

  #release(): void {
    try {
      this.#reference.release();
      this.#closing?.resolve();
    } catch (thrown) {
      this.#closing?.reject(thrown);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new MillraceError('TENSORFLOW', `${this.origin}: the session is closed`);
  }

  #preparedRun(plan: RunPlan): PreparedRun {
    return {
      run: (feeds) => this.#runAsync(plan, feeds),
      runSync: (feeds) => {
        const call = this.#begin(plan, feeds);
        try {
          withStatus(cApi(), this.origin, (status) => {
            cApi().run(...call.arguments(status, this.#buffers(plan, feeds)));
          });
          return call.results();
        } finally {
          this.#end(call);
        }
      },
      profile: async (feeds) => {
        const trace = new RunTrace(cApi());
        try {
          const results = await this.#runAsync(plan, feeds, trace);
          return { results, profile: trace.profile() };
        } finally {
          trace.end();
        }
      },
    };
  }

  async #runAsync(plan: RunPlan, feeds: readonly TensorValue[], trace?: RunTrace): Promise<TensorValue[]> {
    const call = this.#begin(plan, feeds);
    try {
      await limitCalls(() =>
        withStatusAsync(cApi(), this.origin, (status, done) => {
          cApi().run.async(...call.arguments(status, trace ?? this.#buffers(plan, feeds)), done);
        }),
      );
      return call.results();
    } finally {
      this.#end(call);
    }
  }

  #buffers({ targets }: RunPlan, feeds: readonly TensorValue[]): RunBuffers {
    const usesPool = this.#hasPool || (!this.#isShared && targets.length > 0 && isLarge(feeds));
    return usesPool ? {} : { options: onCallingThread() };
  }

  #begin(plan: RunPlan, feeds: readonly TensorValue[]): SessionCall {
    this.#checkOpen();
    const call = new SessionCall(this.#reference.pointers.session, plan, feeds, this.#safety, this.origin);
    this.#inFlight += 1;
    return call;
  }

  #end(call: SessionCall): void {
    call.end();
    this.#inFlight -= 1;
    if (this.#closing !== undefined && this.#inFlight === 0) this.#release();
  }
}

const maxPrepared = 64;

/** From here on the operations of a step take longer than handing them to another thread. */
const largeElements = 12_000;

function isLarge(feeds: readonly TensorValue[]): boolean {
  let elements = 0;
  for (const { data } of feeds) elements += data.length;
  return elements >= largeElements;
}
