import type { Tfjs, Variable } from '../../model/tfjs-types.js';
import type { TensorDtype, TensorValue } from '../../tensor-value.js';
import { fromTfjs } from '../sample.js';

/**
 * A tf.Variable whose value lives in a native session.
 *
 * ```
 *            assign() in JavaScript                    call that changes it
 *   equal ───────────────────────────► newer here    equal ───────────────► newer there
 *     ▲   pushed before the next call │                ▲  pulled by a read │
 *     └───────────────────────────────┘                └───────────────────┘
 * ```
 * tfjs reaches a variable's value through its dataId alone, in operations, reads and assignments, so that is where reading
 * and writing are noticed: nobody who uses the variable needs to know.
 */
export class BoundVariable {
  readonly variable: Variable;
  readonly sharedName: string;
  readonly #tf: Tfjs;
  readonly #pull: (bound: BoundVariable) => TensorValue;
  #dataId: object;
  /** Equal values at first are not known: the session has none. */
  #state: 'equal' | 'newerHere' | 'newerThere' = 'newerHere';
  #isShared = false;
  #isPulling = false;

  /** @param pull reads the session's value, blocking */
  constructor(tf: Tfjs, variable: Variable, sharedName: string, pull: (bound: BoundVariable) => TensorValue) {
    this.#tf = tf;
    this.variable = variable;
    this.sharedName = sharedName;
    this.#pull = pull;
    this.#dataId = variable.dataId;
    Object.defineProperty(variable, 'dataId', {
      configurable: true,
      enumerable: true,
      get: () => {
        this.#catchUp();
        return this.#dataId;
      },
      set: (dataId: object) => {
        this.#dataId = dataId;
        this.#state = 'newerHere';
      },
    });
  }

  get spec(): { readonly dtype: TensorDtype; readonly shape: readonly number[] } {
    return { dtype: this.variable.dtype as TensorDtype, shape: this.variable.shape };
  }

  get mustBePushed(): boolean {
    return this.#state === 'newerHere';
  }

  /** The value to push; the session has it from now on. */
  takeValue(): TensorValue {
    this.#state = 'equal';
    return fromTfjs(this.variable);
  }

  /** A push failed: try again. */
  pushFailed(): void {
    this.#state = 'newerHere';
  }

  /** The session has changed the value. What JavaScript assigned meanwhile wins. */
  changedThere(): void {
    if (this.#state === 'equal') this.#state = 'newerThere';
  }

  /** Other threads may change the session's value from now on, at any time: a read pulls, once in each turn of the event loop. */
  share(): void {
    this.#isShared = true;
    this.changedThere();
  }

  /** Gives the variable its value back and lets go of it. */
  release(): void {
    if (!this.variable.isDisposed) this.#catchUp();
    Object.defineProperty(this.variable, 'dataId', { configurable: true, enumerable: true, writable: true, value: this.#dataId });
  }

  #catchUp(): void {
    // Assigning reads dataId.
    if (this.#isPulling || this.#state !== 'newerThere') return;
    this.#isPulling = true;
    try {
      this.#assignPulled();
    } finally {
      this.#isPulling = false;
    }
  }

  #assignPulled(): void {
    const { dtype, shape, data } = this.#pull(this);
    const tensor = this.#tf.tensor(data as Float32Array, [...shape], dtype as 'float32');
    // tidy() of a caller must not take it away: it is disposed here, and the variable keeps the data.
    this.variable.assign(tensor);
    this.#state = 'equal';
    tensor.dispose();
    // Not at once: tfjs reads dataId several times in one operation, and must get the same.
    if (this.#isShared)
      queueMicrotask(() => {
        this.changedThere();
      });
  }
}
