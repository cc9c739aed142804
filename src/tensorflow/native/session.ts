import { deferred, MillraceError, resolveOptions, type Deferred } from '../../core/index.js';
import { checkTensorValue } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';
import { cApi, type Pointer } from './c-api.js';
import { limitCalls } from './call-limit.js';
import { FeedSafety } from './feed-safety.js';
import { makeRunPlan, type RunPlan } from './run-plan.js';
import { graphOptionsSchema, resolveSavedModelOptions, type GraphSessionOptions, type SavedModelOptions } from './session-options.js';
import { importGraph, loadSavedModel } from './session-pointers.js';
import { countedReference, ownReference, type SessionHandle, type SessionReference } from './session-reference.js';
import { acquireShared, registeredReference } from './session-registry.js';
import { withStatus, withStatusAsync } from './status.js';
import { canAlias, newTensor, readTensor } from './tensor-memory.js';
import { savedModelIdentity } from '../saved-model/read-saved-model.js';
import { GraphDef } from '../saved-model/generated/tensorflow.js';

/** Values by tensor name: `node`, or `node:i` for output i. */
export type TensorsByName = Readonly<Record<string, TensorValue>>;

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
 * Calls may overlap, also from several threads; the graph's own rules say what that means for its variables. TensorFlow
 * cannot be interrupted: terminating a thread waits for its calls, and a thread that ends without {@link close} leaves
 * its reference, so that the memory stays until the process ends.
 */
export class NativeSession {
  readonly #reference: SessionReference;
  readonly #safety: FeedSafety;
  readonly #plans = new Map<string, RunPlan>();
  #inFlight = 0;
  #closing: Deferred<void> | undefined;

  private constructor(
    reference: SessionReference,
    safety: FeedSafety,
    /** Where the graph comes from, for messages. */
    readonly origin: string,
  ) {
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
    return new NativeSession(reference, FeedSafety.ofSavedModel(identity.dir, tags), origin);
  }

  /**
   * Opens a graph from the bytes of a GraphDef and runs its `init` nodes. The bytes are copied.
   *
   * @throws MODEL_INVALID, SETUP_NEEDED
   */
  static async fromGraphDef(graphDef: Uint8Array, options?: GraphSessionOptions): Promise<NativeSession> {
    const { init, threads } = resolveOptions(graphOptionsSchema, options, 'graph session');
    const reference = ownReference(importGraph(graphDef, threads));
    const session = new NativeSession(reference, FeedSafety.ofGraph(GraphDef.decode(graphDef)), 'graph');
    try {
      for (const target of init) await session.run({}, [], [target]);
      return session;
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
  }

  /** A session on what {@link share} of another thread has sent. It copies all feeds. */
  static attach(handle: SessionHandle): NativeSession {
    const reference = handle.registered ? registeredReference(handle) : countedReference(handle);
    return new NativeSession(reference, FeedSafety.unknown(), 'shared session');
  }

  /** A reference for another thread of this process: send it with postMessage and {@link attach} it there, once. */
  share(): SessionHandle {
    this.#checkOpen();
    return this.#reference.addReference();
  }

  /**
   * Runs what `fetches` and `targets` need on threads of the native side; timers and I/O of this thread go on.
   *
   * @returns a value for each name in `fetches`
   * @throws MODEL_INVALID for a name that the graph does not have, SHAPE_MISMATCH where a feed's data does not fit its
   *   shape, TENSORFLOW with TensorFlow's own words, RESOURCE_EXHAUSTED where it has no memory
   */
  async run(feeds: TensorsByName, fetches: readonly string[], targets: readonly string[] = []): Promise<Record<string, TensorValue>> {
    const call = this.#begin(feeds, fetches, targets);
    try {
      await limitCalls(() =>
        withStatusAsync(cApi(), this.origin, (status, done) => {
          cApi().run.async(...call.arguments(status), done);
        }),
      );
      return call.results();
    } finally {
      call.end();
    }
  }

  /** The same, blocking this thread: the least overhead for graphs that run in well under a millisecond. */
  runSync(feeds: TensorsByName, fetches: readonly string[], targets: readonly string[] = []): Record<string, TensorValue> {
    const call = this.#begin(feeds, fetches, targets);
    try {
      withStatus(cApi(), this.origin, (status) => {
        cApi().run(...call.arguments(status));
      });
      return call.results();
    } finally {
      call.end();
    }
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

  #begin(feeds: TensorsByName, fetches: readonly string[], targets: readonly string[]): SessionCall {
    this.#checkOpen();
    const plan = this.#planFor(Object.keys(feeds), fetches, targets);
    const call = new SessionCall(this.#reference.pointers.session, plan, feeds, this.#safety, this.origin, () => {
      this.#inFlight -= 1;
      if (this.#closing !== undefined && this.#inFlight === 0) this.#release();
    });
    this.#inFlight += 1;
    return call;
  }

  #planFor(feeds: readonly string[], fetches: readonly string[], targets: readonly string[]): RunPlan {
    const key = JSON.stringify([feeds, fetches, targets]);
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = makeRunPlan(cApi(), this.#reference.pointers.graph, feeds, fetches, targets);
      if (this.#plans.size >= maxPlans) this.#plans.clear();
      this.#plans.set(key, plan);
    }
    return plan;
  }
}

const maxPlans = 64;

/** The native memory of one run. It must be ended, and keeps the feeds alive until then. */
class SessionCall {
  readonly #session: Pointer;
  readonly #plan: RunPlan;
  readonly #origin: string;
  readonly #onEnd: () => void;
  readonly #inputs: BigUint64Array;
  readonly #outputs: BigUint64Array;
  // What TensorFlow may read in place.
  #pinned: TensorsByName | undefined;

  constructor(session: Pointer, plan: RunPlan, feeds: TensorsByName, safety: FeedSafety, origin: string, onEnd: () => void) {
    this.#session = session;
    this.#plan = plan;
    this.#origin = origin;
    this.#onEnd = onEnd;
    this.#pinned = feeds;
    this.#inputs = new BigUint64Array(plan.feedNames.length);
    this.#outputs = new BigUint64Array(plan.fetchNames.length);
    try {
      plan.feedNames.forEach((name, i) => {
        const value = feeds[name] as TensorValue;
        checkTensorValue(value, `${origin}, feed "${name}"`);
        this.#inputs[i] = newTensor(cApi(), value, canAlias(value) && safety.mayAlias(name) ? 'alias' : 'copy');
      });
    } catch (thrown) {
      this.#deleteTensors();
      throw thrown;
    }
  }

  arguments(status: Pointer): Parameters<ReturnType<typeof cApi>['run']> {
    const { feeds, fetches, targets } = this.#plan;
    return [this.#session, null, feeds, this.#inputs, this.#inputs.length, fetches, this.#outputs, this.#outputs.length, targets, targets.length, null, status];
  }

  results(): Record<string, TensorValue> {
    const read = this.#plan.fetchNames.map((name, i) => [name, readTensor(cApi(), this.#outputs[i] as bigint, `${this.#origin}, output "${name}"`)] as const);
    return Object.fromEntries(read);
  }

  end(): void {
    this.#deleteTensors();
    this.#pinned = undefined;
    this.#onEnd();
  }

  #deleteTensors(): void {
    for (const tensors of [this.#outputs, this.#inputs]) {
      for (const tensor of tensors) if (tensor !== 0n) cApi().deleteTensor(tensor);
    }
  }
}
