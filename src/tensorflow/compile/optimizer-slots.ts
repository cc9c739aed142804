import type { Variable } from '../model/tfjs-types.js';
import type { Slot } from '../trace/session/variable-store.js';

/** The slots of one optimizer: the same ones for each trace of a step. */
export class OptimizerSlots {
  readonly #slots = new Map<string, Slot>();

  shared(name: string, fill: number): Slot {
    return this.#slot(name, [], fill);
  }

  of(variable: Variable, name: string, fill: number): Slot {
    return this.#slot(`${variable.name}/${name}`, variable.shape, fill);
  }

  #slot(name: string, shape: readonly number[], fill: number): Slot {
    let slot = this.#slots.get(name);
    if (slot === undefined) this.#slots.set(name, (slot = { name, dtype: 'float32', shape, fill }));
    return slot;
  }
}
