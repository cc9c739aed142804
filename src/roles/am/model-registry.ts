import type { ModelPart, TensorRun } from '../../ml-framework/cluster/model-part.js';
import { elementCount } from '../../ml-framework/parameters/segment.js';
import type { ModelVersion } from '../../tensorflow/predictor.js';
import type { TensorValue } from '../../tensorflow/tensor-value.js';

/** Numbers the versions of a cluster's model and keeps the newest. The final one may come in parts, one of each shard. */
export class ModelRegistry {
  readonly #listeners = new Set<(version: ModelVersion) => void>();
  #next: number;
  #latest: ModelVersion | undefined;
  readonly #finalParts = new Map<number, ModelPart>();

  /** @param next number of the next version; 0 on a first start */
  constructor(next = 0) {
    this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  get latest(): ModelVersion | undefined {
    return this.#latest;
  }

  /** @returns the version that this part completed, if any */
  publish(part: ModelPart): ModelVersion | undefined {
    // Nothing follows the final weights: a late intermediate version must not replace them.
    if (this.#latest?.final === true) return undefined;
    if (part.final) this.#finalParts.set(part.part, part);
    if (part.final && this.#finalParts.size < part.parts) return undefined;
    const weights = joinRuns(part.final ? [...this.#finalParts.values()].flatMap(({ runs }) => runs) : part.runs);
    this.#latest = { version: this.#next++, step: part.step, final: part.final, weights };
    for (const listener of this.#listeners) listener(this.#latest);
    return this.#latest;
  }

  /** Tells of the newest version, where it is above `above`, and of every one after it. @returns stops it */
  watch(above: number, listener: (version: ModelVersion) => void): () => void {
    this.#listeners.add(listener);
    if (this.#latest !== undefined && this.#latest.version > above) listener(this.#latest);
    return () => void this.#listeners.delete(listener);
  }
}

/** In the order of names: which shard holds what, and which one speaks first, changes nothing. */
function joinRuns(runs: readonly TensorRun[]): Record<string, TensorValue> {
  const joined: Record<string, TensorValue> = {};
  for (const { name, shape, offset, data } of runs) {
    const tensor = (joined[name] ??= { dtype: 'float32', shape, data: new Float32Array(elementCount(shape)) });
    (tensor.data as Float32Array).set(data, offset);
  }
  return Object.fromEntries(Object.entries(joined).sort(([a], [b]) => (a < b ? -1 : 1)));
}
