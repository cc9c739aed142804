import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { RandomWatch, type RandomOrigin } from './random-watch.js';
import { scopeText, type Step, type VariableUse } from './recording.js';
import { ScopeStack } from './scope-stack.js';
import { atSourceLine } from './source-line.js';
import { rawBackend, registeredVariables, type RawBackend, type RawBinding, type RawValues } from './tfjs-internals.js';

/** Kernels that read a value back into JavaScript only to check it. */
const harmlessReads: ReadonlySet<string> = new Set(['GatherV2']);

/** Operations whose outputs have a shape that depends on values: JavaScript would take one run's shape for all. */
const valueShaped: ReadonlySet<string> = new Set(
  'Where Unique UniqueV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 ListDiff SparseFillEmptyRows RaggedRange Range'.split(' '),
);

interface Origin {
  readonly scope: readonly string[];
  readonly random: RandomOrigin | undefined;
  readonly madeAt: Error;
}

/** Writes down what reaches tfjs-node's binding: operations, and the constants that JavaScript makes for them. */
export class Listener {
  readonly steps: Step[] = [];
  /** Variables read so far, in the order of their first use. */
  readonly variables: VariableUse[] = [];
  readonly #tf: Tfjs;
  readonly #backend: RawBackend;
  readonly #binding: RawBinding;
  readonly #random: RandomWatch;
  readonly #scopes: ScopeStack;
  /** Ids with an origin; true where the value depends on an input, a variable or chance. */
  readonly #known = new Map<number, boolean>();
  readonly #described = new Map<number, { readonly shape: readonly number[]; readonly dtype: number }>();
  /** Uploads are lazy: where JavaScript made the values says more than the operation that first used them. */
  readonly #madeIn = new WeakMap<object, Origin>();
  /** Data that chance made and no operation may have read yet. */
  readonly #drawn = new WeakSet<object>();

  constructor(tf: Tfjs, inputs: readonly number[], salt: number) {
    this.#tf = tf;
    this.#backend = rawBackend(tf);
    this.#binding = this.#backend.binding;
    this.#random = new RandomWatch(salt);
    this.#scopes = new ScopeStack(this.#random);
    for (const id of inputs) this.#known.set(id, true);
  }

  during<T>(work: () => T): T {
    const restore = [this.#listenToBackend(), this.#scopes.listen(this.#tf)];
    // tfjs stacks a line for each kernel and scope: the default of ten would not reach the user's.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 100;
    try {
      return work();
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      for (const undo of restore) undo();
    }
  }

  /** Makes sure that an id has an origin: an output may be a variable, or a tensor from outside. */
  use(id: number): void {
    if (!this.#known.has(id)) this.#capture(id);
  }

  describe(tensor: Tensor, id: number): void {
    this.#described.set(id, this.#backend.tensorMap.get(tensor.dataId));
  }

  #listenToBackend(): () => void {
    const backend = this.#backend;
    const binding = this.#binding;
    const { getInputTensorIds, readSync, write } = backend;
    // The binding's own properties are read-only: shadow two of them.
    const listening = Object.create(binding, {
      createTensor: { value: this.#createTensor },
      executeOp: { value: this.#executeOp },
    }) as RawBinding;
    backend.binding = listening;
    backend.getInputTensorIds = (tensors) => {
      const ids = getInputTensorIds.call(backend, tensors);
      tensors.forEach((tensor, i) => {
        // tfjs-node's own int64 scalars are no tensors.
        if ('dataId' in tensor) this.describe(tensor, ids[i] as number);
      });
      return ids;
    };
    backend.write = (values, shape, dtype) => {
      const origin = this.#origin();
      if (typeof values === 'object' && values !== null && !this.#madeIn.has(values)) this.#madeIn.set(values, origin);
      const dataId = write.call(backend, values, shape, dtype);
      if (origin.random !== undefined) this.#drawn.add(dataId);
      return dataId;
    };
    backend.readSync = (dataId) => {
      this.#checkRead(dataId);
      return readSync.call(backend, dataId);
    };
    return () => {
      backend.binding = binding;
      // The originals are the prototype's.
      for (const name of ['getInputTensorIds', 'readSync', 'write']) Reflect.deleteProperty(backend, name);
    };
  }

  readonly #createTensor: RawBinding['createTensor'] = (shape, dtype, values) => {
    const id = this.#binding.createTensor(shape, dtype, values);
    this.#constant(id, shape, dtype, values);
    return id;
  };

  readonly #executeOp: RawBinding['executeOp'] = (op, attributes, inputs, count) => {
    for (const id of inputs) this.use(id);
    const depends = op === 'Multinomial' || inputs.some((id) => this.#known.get(id) === true);
    const scope = this.#scopes.path;
    if (depends && valueShaped.has(op)) {
      const line = atSourceLine(new Error());
      throw new MillraceError(
        'UNSUPPORTED',
        `tracing: ${scopeText(scope)}: the shape that ${op} gives depends on values${line}; no graph of fixed rank can follow that`,
      );
    }
    const outputs = this.#binding.executeOp(op, attributes, inputs, count);
    for (const { id } of outputs) this.#known.set(id, depends);
    this.steps.push({ kind: 'operation', op, attributes, inputs: [...inputs], outputs, scope });
    return outputs;
  };

  #constant(id: number, shape: readonly number[], dtype: number, values: RawValues): void {
    const origin = this.#madeIn.get(values) ?? this.#origin();
    this.#known.set(id, origin.random !== undefined);
    this.steps.push({ kind: 'constant', id, shape: [...shape], dtype, values: values.slice() as RawValues, ...origin });
  }

  /** A tensor from before: a variable, or one of the scalars that layers and users keep. The latter's value now is what it will always be. */
  #capture(id: number): void {
    const variable = this.#variableOf(id);
    if (variable !== undefined) {
      this.#known.set(id, true);
      this.variables.push({ variable, id });
      return;
    }
    const described = this.#described.get(id);
    if (described === undefined) throw new MillraceError('UNSUPPORTED', `tracing: ${scopeText(this.#scopes.path)}: reads a native tensor of unknown origin`);
    this.#constant(id, described.shape, described.dtype, this.#binding.tensorDataSync(id));
  }

  #variableOf(id: number): Variable | undefined {
    const { tensorMap } = this.#backend;
    return registeredVariables(this.#tf).find(({ dataId }) => tensorMap.has(dataId) && tensorMap.get(dataId).id === id);
  }

  #checkRead(dataId: object): void {
    const { kernel, path } = this.#scopes;
    if (kernel !== undefined && harmlessReads.has(kernel)) return;
    // What no operation has read yet is not known: a variable, or random numbers, are no constants.
    const isVariable = (): boolean => registeredVariables(this.#tf).some((variable) => variable.dataId === dataId);
    const depends = this.#known.get(this.#backend.tensorMap.get(dataId).id) ?? (this.#drawn.has(dataId) || isVariable());
    if (!depends) return;
    throw new MillraceError(
      'UNSUPPORTED',
      `tracing: ${scopeText(path)}: JavaScript reads a value that depends on inputs, variables or chance${kernel === undefined ? '' : ` (in ${kernel})`}${atSourceLine(new Error())}; no graph can do that`,
      { details: { scope: scopeText(path) } },
    );
  }

  #origin(): Origin {
    return { scope: this.#scopes.path, random: this.#random.current(), madeAt: new Error() };
  }
}
