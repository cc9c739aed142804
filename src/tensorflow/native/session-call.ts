import { checkTensorValue } from '../tensor-data.js';
import type { TensorValue } from '../tensor-value.js';
import { cApi, type Pointer } from './c-api.js';
import type { FeedSafety } from './feed-safety.js';
import type { RunPlan } from './run-plan.js';
import { canAlias, newTensor, readTensor } from './tensor-memory.js';

export interface RunBuffers {
  readonly options?: Pointer | null;
  readonly metadata?: Pointer | null;
}

/** The native memory of one run. It must be ended, and keeps the feeds alive until then. */
export class SessionCall {
  readonly #session: Pointer;
  readonly #plan: RunPlan;
  readonly #origin: string;
  readonly #inputs: BigUint64Array;
  readonly #outputs: BigUint64Array;
  // What TensorFlow may read in place.
  #pinned: readonly TensorValue[] | undefined;

  /** @param feeds in the order of the plan's feed names */
  constructor(session: Pointer, plan: RunPlan, feeds: readonly TensorValue[], safety: FeedSafety, origin: string) {
    this.#session = session;
    this.#plan = plan;
    this.#origin = origin;
    this.#pinned = feeds;
    this.#inputs = new BigUint64Array(plan.feedNames.length);
    this.#outputs = new BigUint64Array(plan.fetchNames.length);
    try {
      plan.feedNames.forEach((name, i) => {
        const value = feeds[i] as TensorValue;
        checkTensorValue(value, () => `${origin}, feed "${name}"`);
        this.#inputs[i] = newTensor(cApi(), value, canAlias(value) && safety.mayAlias(name) ? 'alias' : 'copy');
      });
    } catch (thrown) {
      this.#deleteTensors();
      throw thrown;
    }
  }

  /** @param buffers RunOptions, and where RunMetadata go */
  arguments(status: Pointer, { options = null, metadata = null }: RunBuffers = {}): Parameters<ReturnType<typeof cApi>['run']> {
    const { feeds, fetches, targets } = this.#plan;
    const inputs = this.#inputs;
    const outputs = this.#outputs;
    return [this.#session, options, feeds, inputs, inputs.length, fetches, outputs, outputs.length, targets, targets.length, metadata, status];
  }

  /** In the order of the plan's fetch names. */
  results(): TensorValue[] {
    return this.#plan.fetchNames.map((name, i) => readTensor(cApi(), this.#outputs[i] as bigint, () => `${this.#origin}, output "${name}"`));
  }

  end(): void {
    this.#deleteTensors();
    this.#pinned = undefined;
  }

  #deleteTensors(): void {
    for (const tensors of [this.#outputs, this.#inputs]) {
      for (const tensor of tensors) if (tensor !== 0n) cApi().deleteTensor(tensor);
    }
  }
}
