import type { Tfjs } from '../model/tfjs-types.js';
import type { RandomWatch } from './random-watch.js';
import { rawEngine } from './tfjs-internals.js';

/** tf.layers' base class, as far as it is listened to: layers open no scope of their own. */
interface RawLayer {
  readonly name: string;
  apply(inputs: unknown, options?: unknown): unknown;
}

/** Scopes that say where tfjs is, not what it does. */
const structural: ReadonlySet<string> = new Set(['', 'forward', 'backward', 'tidy']);

/**
 * Where tfjs is: the scopes and kernels that the engine has entered. Inside a gradient the scope is that of the operation
 * whose gradient it is, below 'gradients'.
 */
export class ScopeStack {
  #scopes: string[] = [];
  readonly #kernels: string[] = [];
  readonly #random: RandomWatch;

  constructor(random: RandomWatch) {
    this.#random = random;
  }

  get path(): readonly string[] {
    return this.#scopes.filter((name) => !structural.has(name));
  }

  get kernel(): string | undefined {
    return this.#kernels.at(-1);
  }

  /** Listens until the returned function is called. */
  listen(tf: Tfjs): () => void {
    const engine = rawEngine(tf);
    const { startScope, endScope, runKernel, addTapeNode } = engine;
    engine.startScope = (given) => {
      // tidy() without a name passes null.
      const name = (given ?? '').replace(/__op$/, '');
      this.#scopes.push(name);
      this.#random.enter(name);
      startScope.call(engine, given);
    };
    engine.endScope = (result) => {
      this.#random.leave(this.#scopes.pop() ?? '');
      endScope.call(engine, result);
    };
    engine.runKernel = (name, inputs, attributes) => {
      this.#kernels.push(name);
      try {
        return runKernel.call(engine, name, inputs, attributes);
      } finally {
        this.#kernels.pop();
      }
    };
    engine.addTapeNode = (...args) => {
      addTapeNode.apply(engine, [...args]);
      const node = engine.state.activeTape?.at(-1);
      const gradient = node?.gradient;
      if (node === undefined || gradient === undefined) return;
      const at = ['gradients', ...this.path.filter((name) => name !== 'gradients')];
      node.gradient = (dys) => {
        // What it gives are functions that compute, called later.
        const made = this.#within(at, () => gradient(dys)) as Readonly<Record<string, () => unknown>>;
        return Object.fromEntries(Object.entries(made).map(([input, compute]) => [input, () => this.#within(at, compute)]));
      };
    };
    const layers = (tf.layers as unknown as { readonly Layer: { readonly prototype: RawLayer } }).Layer.prototype;
    const { apply } = layers;
    const inLayer = <T>(name: string, work: () => T): T => this.#inside(name, work);
    layers.apply = function (this: RawLayer, inputs, options) {
      const work = (): unknown => apply.call(this, inputs, options);
      // Models are layers, too; what they hold is what has a cost.
      return this instanceof tf.LayersModel ? work() : inLayer(this.name, work);
    };
    return () => {
      layers.apply = apply;
      for (const name of ['startScope', 'endScope', 'runKernel', 'addTapeNode']) Reflect.deleteProperty(engine, name);
    };
  }

  #inside<T>(scope: string, work: () => T): T {
    this.#scopes.push(scope);
    try {
      return work();
    } finally {
      this.#scopes.pop();
    }
  }

  #within<T>(scopes: readonly string[], work: () => T): T {
    const outer = this.#scopes;
    this.#scopes = [...scopes];
    try {
      return work();
    } finally {
      this.#scopes = outer;
    }
  }
}
