import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import type { Recording, Step } from './recording.js';
import { rawBackend, rawEngine, type RawBackend, type RawBinding, type RawValues } from './tfjs-internals.js';

export interface RecordOptions {
  readonly tf: Tfjs;
  readonly batch: number;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly variables: Readonly<Record<string, Variable>>;
  /** Synchronous; its tensors are disposed by the caller's tidy. */
  readonly work: () => Readonly<Record<string, Tensor>>;
}

/** Kernels that read a value back into JavaScript only to check it. */
const harmlessReads: ReadonlySet<string> = new Set(['GatherV2']);

/**
 * Runs `work` and writes down every operation that reaches the native binding. Not reentrant.
 *
 * @throws UNSUPPORTED where JavaScript reads a value that depends on inputs or variables: no graph can do that
 */
export function record({ tf, batch, inputs, variables, work }: RecordOptions): Recording {
  const backend = rawBackend(tf);
  const idOf = (tensor: Tensor): number => backend.getInputTensorIds([tensor])[0] as number;
  // Uploaded before listening, so that neither shows as a constant.
  const inputIds = mapValues(inputs, idOf);
  const variableIds = mapValues(variables, idOf);
  const listener = new Listener(tf, backend, [...Object.values(inputIds), ...Object.values(variableIds)]);
  const outputs = listener.during(work);
  const outputIds = mapValues(outputs, idOf);
  return {
    batch,
    steps: listener.steps,
    inputs: inputIds,
    variables: variableIds,
    outputs: outputIds,
    results: mapValues(outputs, (tensor) => Float32Array.from(tensor.dataSync())),
  };
}

class Listener {
  readonly steps: Step[] = [];
  readonly #tf: Tfjs;
  readonly #backend: RawBackend;
  readonly #binding: RawBinding;
  /** Ids with an origin; true where the value depends on an input or variable. */
  readonly #known = new Map<number, boolean>();
  readonly #described = new Map<number, { readonly shape: readonly number[]; readonly dtype: number }>();
  /** Uploads are lazy: where JavaScript made the values says more than the operation that first used them. */
  readonly #madeIn = new WeakMap<object, string>();
  readonly #scopes: string[] = [];
  readonly #kernels: string[] = [];

  constructor(tf: Tfjs, backend: RawBackend, ids: readonly number[]) {
    this.#tf = tf;
    this.#backend = backend;
    this.#binding = backend.binding;
    for (const id of ids) this.#known.set(id, true);
  }

  during<T>(work: () => T): T {
    const restore = [this.#listenToBackend(), this.#listenToEngine()];
    try {
      return work();
    } finally {
      for (const undo of restore) undo();
    }
  }

  #listenToBackend(): () => void {
    const backend = this.#backend;
    const binding = this.#binding;
    const { getInputTensorIds, readSync, write } = backend;
    const createTensor: RawBinding['createTensor'] = (shape, dtype, values) => {
      const id = binding.createTensor(shape, dtype, values);
      this.#constant(id, shape, dtype, values);
      return id;
    };
    const executeOp: RawBinding['executeOp'] = (op, attributes, inputs, count) => {
      for (const id of inputs) if (!this.#known.has(id)) this.#capture(id);
      const outputs = binding.executeOp(op, attributes, inputs, count);
      const depends = inputs.some((id) => this.#known.get(id) === true);
      for (const { id } of outputs) this.#known.set(id, depends);
      this.steps.push({ kind: 'operation', op, attributes, inputs: [...inputs], outputs, scope: this.#scope() });
      return outputs;
    };
    // The binding's own properties are read-only: shadow two of them.
    const listening = Object.create(binding, { createTensor: { value: createTensor }, executeOp: { value: executeOp } }) as RawBinding;
    backend.binding = listening;
    backend.getInputTensorIds = (tensors) => {
      const ids = getInputTensorIds.call(backend, tensors);
      tensors.forEach((tensor, i) => {
        // tfjs-node's own int64 scalars are no tensors.
        if ('dataId' in tensor) this.#described.set(ids[i] as number, backend.tensorMap.get(tensor.dataId));
      });
      return ids;
    };
    backend.write = (values, shape, dtype) => {
      if (typeof values === 'object' && values !== null) this.#madeIn.set(values, this.#scope());
      return write.call(backend, values, shape, dtype);
    };
    backend.readSync = (dataId) => {
      this.#checkRead(backend.tensorMap.get(dataId).id);
      return readSync.call(backend, dataId);
    };
    return () => {
      backend.binding = binding;
      // The originals are the prototype's.
      delete (backend as Partial<RawBackend>).getInputTensorIds;
      delete (backend as Partial<RawBackend>).readSync;
      delete (backend as Partial<RawBackend>).write;
    };
  }

  #listenToEngine(): () => void {
    const engine = rawEngine(this.#tf);
    const { startScope, endScope, runKernel } = engine;
    engine.startScope = (name) => {
      this.#scopes.push(name ?? '');
      startScope.call(engine, name);
    };
    engine.endScope = (result) => {
      this.#scopes.pop();
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
    return () => {
      Reflect.deleteProperty(engine, 'startScope');
      Reflect.deleteProperty(engine, 'endScope');
      Reflect.deleteProperty(engine, 'runKernel');
    };
  }

  #constant(id: number, shape: readonly number[], dtype: number, values: RawValues): void {
    this.#known.set(id, false);
    this.steps.push({ kind: 'constant', id, shape: [...shape], dtype, values: values.slice() as RawValues, scope: this.#madeIn.get(values) ?? this.#scope() });
  }

  /** A tensor from before: layers keep a few scalars. Its value now is what it will always be. */
  #capture(id: number): void {
    const described = this.#described.get(id);
    if (described === undefined) throw new MillraceError('UNSUPPORTED', `${this.#scope()}: reads a native tensor of unknown origin`);
    this.#constant(id, described.shape, described.dtype, this.#binding.tensorDataSync(id));
  }

  #checkRead(id: number): void {
    const kernel = this.#kernels.at(-1);
    if (this.#known.get(id) !== true || (kernel !== undefined && harmlessReads.has(kernel))) return;
    throw new MillraceError(
      'UNSUPPORTED',
      `${this.#scope()}: JavaScript reads a value that depends on the model's inputs or variables${kernel === undefined ? '' : ` (in ${kernel})`}; no graph can do that`,
    );
  }

  #scope(): string {
    return this.#scopes.filter((name) => name !== '').join('/') || 'the model';
  }
}

function mapValues<T, U>(from: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, map(value)]));
}
