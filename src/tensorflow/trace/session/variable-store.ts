import { MillraceError } from '../../../core/errors.js';
import type { Tfjs, Variable } from '../../model/tfjs-types.js';
import { NativeSession, type PreparedRun, type SessionThreads } from '../../native/index.js';
import { attr, GraphDefBuilder } from '../../saved-model/index.js';
import type { TensorValue } from '../../tensor-value.js';
import { addAssignableVariable } from './assignable-variable.js';
import { BoundVariable } from './bound-variable.js';

const stores = new WeakMap<Variable, VariableStore>();

/**
 * A native session and the variables that live in it. Functions traced over the same variables share one; it closes with
 * the last of them.
 */
export class VariableStore {
  readonly session: NativeSession;
  readonly #tf: Tfjs;
  readonly #bound = new Map<Variable, BoundVariable>();
  readonly #slots = new Map<Slot, string>();
  #users = 0;
  #pushing: Promise<void> | undefined;
  #functions = 0;
  #closed = false;

  private constructor(tf: Tfjs, session: NativeSession) {
    this.#tf = tf;
    this.session = session;
  }

  /**
   * The store of these variables, or a new one where none has any yet. Each caller gives it up by {@link release}.
   *
   * @throws UNSUPPORTED where they live in different sessions
   */
  static of(tf: Tfjs, variables: readonly Variable[], threads: SessionThreads = {}): VariableStore {
    const known = [...new Set(variables.map((variable) => stores.get(variable)).filter((store) => store !== undefined))];
    if (known.length > 1)
      throw new MillraceError('UNSUPPORTED', 'the variables of this function live in different native sessions; trace a function over all of them first');
    const store = known[0] ?? new VariableStore(tf, NativeSession.empty(threads));
    store.#users += 1;
    store.#add(variables);
    return store;
  }

  bound(variable: Variable): BoundVariable {
    return this.#bound.get(variable)!;
  }

  /** The session's name of a slot, which has its initial value from the first call of this on. */
  slot(slot: Slot): string {
    let name = this.#slots.get(slot);
    if (name === undefined) {
      name = `s${this.#slots.size}`;
      this.#slots.set(slot, name);
      const graph = new GraphDefBuilder();
      addSlot(graph, name, slot);
      this.session.extend(graph.serialize());
      this.session.runSync({}, [], [`${name}/initialise`]);
    }
    return name;
  }

  /** A prefix for the nodes of one more function. */
  nextPrefix(): string {
    return `f${this.#functions++}/`;
  }

  /** Brings what JavaScript has assigned into the session. */
  push(): Promise<void> | undefined {
    const late = this.#late();
    // A push in flight holds this call back too: it may bring what the call reads.
    if (late.length === 0) return this.#pushing;
    const { run, values } = this.#assignment(late);
    const pushing = Promise.all([this.#pushing, run.run(values)])
      .then(
        () => undefined,
        (thrown: unknown) => this.#failed(late, thrown),
      )
      .finally(() => {
        if (this.#pushing === pushing) this.#pushing = undefined;
      });
    this.#pushing = pushing;
    return pushing;
  }

  pushSync(): void {
    const late = this.#late();
    if (late.length === 0) return;
    const { run, values } = this.#assignment(late);
    try {
      run.runSync(values);
    } catch (thrown) {
      this.#failed(late, thrown);
    }
  }

  /** All of these values at once, blocking; what JavaScript assigned is brought in first. */
  read(variables: readonly Variable[]): TensorValue[] {
    this.pushSync();
    return this.session
      .prepare(
        [],
        variables.map((variable) => `${this.bound(variable).sharedName}/read`),
      )
      .runSync([]);
  }

  /** Gives the store up; after its last user's call variables are ordinary ones again, with the session's values. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0 || this.#closed) return;
    this.#closed = true;
    for (const [variable, bound] of this.#bound) {
      bound.release();
      stores.delete(variable);
    }
    this.#bound.clear();
    await this.session.close();
  }

  #add(variables: readonly Variable[]): void {
    const added = variables.filter((variable) => !this.#bound.has(variable));
    if (added.length === 0) return;
    const graph = new GraphDefBuilder();
    for (const variable of added) {
      const bound = new BoundVariable(this.#tf, variable, `v${this.#bound.size}`, (which) => this.#pull(which));
      this.#bound.set(variable, bound);
      stores.set(variable, this);
      addAssignableVariable(graph, bound.sharedName, bound.spec);
    }
    this.session.extend(graph.serialize());
  }

  #pull({ sharedName }: BoundVariable): TensorValue {
    return this.session.prepare([], [`${sharedName}/read`]).runSync([])[0]!;
  }

  #late(): BoundVariable[] {
    return [...this.#bound.values()].filter((bound) => bound.mustBePushed && !bound.variable.isDisposed);
  }

  #assignment(late: readonly BoundVariable[]): { readonly run: PreparedRun; readonly values: TensorValue[] } {
    const names = late.map(({ sharedName }) => sharedName);
    const run = this.session.prepare(
      names.map((name) => `${name}/value`),
      [],
      names.map((name) => `${name}/assign`),
    );
    return { run, values: late.map((bound) => bound.takeValue()) };
  }

  #failed(late: readonly BoundVariable[], thrown: unknown): never {
    for (const bound of late) bound.pushFailed();
    throw thrown;
  }
}

/** A variable that only native code uses, such as an optimizer's moments: it has no copy in tfjs. */
export interface Slot {
  /** For messages and exports. */
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  /** Initial value of each element. */
  readonly fill: number;
}

function addSlot(graph: GraphDefBuilder, name: string, { dtype, shape, fill }: Slot): void {
  addAssignableVariable(graph, name, { dtype, shape });
  const value = graph.constant(`${name}/fill`, { dtype, shape: [], data: dtype === 'int32' ? Int32Array.of(fill) : Float32Array.of(fill) });
  const dims = graph.constant(`${name}/shape`, { dtype: 'int32', shape: [shape.length], data: Int32Array.from(shape) });
  const filled = graph.add({ name: `${name}/filled`, op: 'Fill', inputs: [dims, value], attrs: { T: attr.type(dtype), index_type: attr.type('int32') } });
  graph.add({
    name: `${name}/initialise`,
    op: 'AssignVariableOp',
    inputs: [name, filled],
    attrs: { dtype: attr.type(dtype), validate_shape: attr.bool(false) },
  });
}
