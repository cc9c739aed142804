import { isMillraceError, MillraceError } from '../../core/errors.js';
import type { Tfjs, Variable } from '../model/tfjs-types.js';
import { describeSpec } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';
import { buildTrace, type TraceDefinition } from './build-trace.js';
import { leafValue } from './leaf-value.js';
import { toTfjs } from './sample.js';
import { flatten, unflatten, type Leaf, type NamedLeaf } from './structure.js';
import { shareTraces, type TracedHandle } from './shared-function.js';
import { TraceCounts } from './trace-counts.js';
import type { TraceEntry, TraceStats } from './traced-function.js';
import type { ResolvedTraceOptions } from './trace-options.js';
import { isSlot } from './trace-program.js';
import { warnOnce } from './warnings.js';

type Wrap = (value: TensorValue) => unknown;

/** The traces of one function, by the shapes of its inputs. */
export class Tracer {
  readonly #tf: Tfjs;
  readonly #definition: TraceDefinition;
  readonly #options: ResolvedTraceOptions;
  readonly #entries = new Map<string, TraceEntry>();
  readonly #counts: TraceCounts;
  readonly #warn: (message: string) => void;
  readonly #running = new Set<Promise<unknown>>();
  #isEager = false;
  #isClosed = false;

  constructor(tf: Tfjs, definition: TraceDefinition, options: ResolvedTraceOptions) {
    this.#tf = tf;
    this.#definition = definition;
    this.#options = options;
    this.#counts = new TraceCounts(options.metrics);
    this.#warn = warnOnce(options.log);
  }

  get stats(): TraceStats {
    return this.#counts.stats;
  }

  get traces(): readonly TraceEntry[] {
    return [...this.#entries.values()];
  }

  /** tf.Variables of all traces. */
  get variables(): readonly Variable[] {
    return [...new Set(this.traces.flatMap(({ traced }) => traced.variables.filter((each): each is Variable => !isSlot(each))))];
  }

  /** Traces for these inputs, where that has not been done. */
  prepare(args: readonly unknown[]): void {
    this.#entryFor(args, this.#leaves(args));
  }

  async call(args: readonly unknown[], wrap: Wrap): Promise<unknown> {
    const leaves = this.#leaves(args);
    const entry = this.#entryFor(args, leaves);
    if (entry === undefined) return this.#callEager(args, leaves, wrap);
    const running = this.#run(entry, this.#feeds(leaves));
    this.#running.add(running);
    try {
      return this.#finish(entry, await running, wrap);
    } finally {
      this.#running.delete(running);
    }
  }

  callSync(args: readonly unknown[], wrap: Wrap): unknown {
    const leaves = this.#leaves(args);
    const entry = this.#entryFor(args, leaves);
    if (entry === undefined) return this.#callEager(args, leaves, wrap);
    entry.store.pushSync();
    return this.#finish(entry, entry.prepared.runSync(this.#feeds(leaves)), wrap);
  }

  /** @throws UNSUPPORTED where nothing is traced that another thread could call */
  share(): TracedHandle {
    const { name, variant, extraFeeds } = this.#definition;
    if (this.#isClosed) throw new MillraceError('TENSORFLOW', `${name}: the traced function is closed`);
    const entries = this.traces.filter(({ shapes }) => shapes.endsWith(variant?.() ?? ''));
    if (entries.length === 0)
      throw new MillraceError(
        'UNSUPPORTED',
        `${name}: nothing to share: ${this.#isEager ? 'it runs on eager TensorFlow.js' : 'call it once, so that it is traced'}`,
      );
    return shareTraces(this.#tf, name, entries, extraFeeds?.() ?? {});
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // What calls in flight do to variables is theirs to keep.
    await Promise.allSettled(this.#running);
    const stores = this.traces.map(({ store }) => store);
    this.#entries.clear();
    for (const store of stores) await store.release();
  }

  /** Copies the values before it returns, unless variables must be pushed first. */
  async #run({ store, prepared }: TraceEntry, feeds: readonly TensorValue[]): Promise<TensorValue[]> {
    const pushing = store.push();
    if (pushing !== undefined) await pushing;
    return await prepared.run(feeds);
  }

  #leaves(args: readonly unknown[]): readonly NamedLeaf[] {
    if (this.#isClosed) throw new MillraceError('TENSORFLOW', `${this.#definition.name}: the traced function is closed`);
    return flatten(this.#tf, args.length === 1 ? args[0] : args, 'input', `${this.#definition.name}: input`);
  }

  #feeds(leaves: readonly NamedLeaf[]): TensorValue[] {
    const feeds = leaves.map(({ leaf }) => leafValue(leaf));
    const extra = this.#definition.extraFeeds?.();
    return extra === undefined ? feeds : [...feeds, ...Object.values(extra)];
  }

  #finish(entry: TraceEntry, results: readonly TensorValue[], wrap: Wrap): unknown {
    for (const bound of entry.changes) bound.changedThere();
    this.#counts.called();
    this.#definition.afterCall?.();
    return unflatten(this.#tf, entry.like, results.map(wrap));
  }

  #callEager(args: readonly unknown[], leaves: readonly NamedLeaf[], wrap: Wrap): unknown {
    const tf = this.#tf;
    const { name, eager } = this.#definition;
    this.#counts.calledEagerly();
    const fed = leaves.map(({ name: input, leaf }) => toTfjs(tf, leafValue(leaf), `${name}: input ${input}`));
    try {
      let result: unknown;
      tf.tidy(() => {
        const made = eager(...(unflatten(tf, args, fed) as readonly unknown[]));
        const values = flatten(tf, made, 'output', `${name}: output`).map(({ leaf }) => leafValue(leaf));
        result = { made, values };
      });
      const { made, values } = result as { readonly made: unknown; readonly values: readonly TensorValue[] };
      return unflatten(tf, made, values.map(wrap));
    } finally {
      tf.dispose(fed);
    }
  }

  /** Undefined where these inputs run on eager tfjs. */
  #entryFor(args: readonly unknown[], leaves: readonly NamedLeaf[]): TraceEntry | undefined {
    if (this.#isEager) return undefined;
    const isBatched = this.#batched(leaves);
    const key = leaves.map(({ leaf }, i) => keyOf(leaf, isBatched[i]!)).join('; ') + (this.#definition.variant?.() ?? '');
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const { name, onUnsupported } = this.#definition;
    if (this.#entries.size >= this.#options.maxTraces) {
      this.#warn(
        `${name}: ${this.#entries.size} sets of input shapes are traced (maxTraces); other shapes run on eager TensorFlow.js: pad inputs to fewer shapes, or raise maxTraces`,
      );
      return undefined;
    }
    try {
      const examples = leaves.map(({ name: input, leaf }, i) => ({ name: input, example: leafValue(leaf), isBatched: isBatched[i]! }));
      const entry = buildTrace(this.#tf, this.#definition, this.#options, { key, args, examples });
      this.#entries.set(key, entry);
      this.#counts.built(this.#entries.size);
      return entry;
    } catch (thrown) {
      if (onUnsupported === 'throw' || !isMillraceError(thrown) || thrown.code !== 'UNSUPPORTED') throw thrown;
      this.#isEager = true;
      this.#warn(`${name} runs on eager TensorFlow.js, which blocks its thread: ${thrown.message}`);
      return undefined;
    }
  }

  /** Which inputs have the batch as their first dimension. @throws SHAPE_MISMATCH where these do not agree */
  #batched(leaves: readonly NamedLeaf[]): readonly boolean[] {
    const { batch } = this.#options;
    const chosen = leaves.map(({ name, leaf }) => {
      const hasRows = typeof leaf === 'object' && leaf.shape.length > 0;
      if (this.#definition.isFixed?.(name) === true) return false;
      return batch === 'leading' ? hasRows : batch !== 'none' && batch.includes(name);
    });
    const shaped = leaves.filter((_, i) => chosen[i]) as readonly NamedLeaf<TensorValue>[];
    if (shaped.every(({ leaf }) => leaf.shape[0] === shaped[0]!.leaf.shape[0])) return chosen;
    const shown = shaped.map(({ name, leaf: { dtype, shape } }) => `'${name}' ${describeSpec(dtype, shape)}`);
    throw new MillraceError(
      'SHAPE_MISMATCH',
      `${this.#definition.name}: the inputs have different numbers of rows: ${shown.join(', ')}; where one has no batch dimension, name those that have one in the option batch`,
    );
  }
}

function keyOf(leaf: Leaf, isBatched: boolean): string {
  if (typeof leaf !== 'object') return typeof leaf === 'number' ? 'float32[]' : 'bool[]';
  const { dtype, shape } = leaf;
  return `${dtype}[${isBatched ? ['?', ...shape.slice(1)].join(', ') : shape.join(', ')}]`;
}
