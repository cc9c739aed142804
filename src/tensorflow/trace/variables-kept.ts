import type { Tensor, Tfjs, Variable } from '../model/tfjs-types.js';
import { rawEngine, registeredVariables } from './tfjs-internals.js';

/** Runs `work` and gives every variable that it changed its value of before back. */
export function keepingVariables<T>(tf: Tfjs, work: () => T): T {
  // Clones share memory: they cost nothing.
  const before = registeredVariables(tf).map((variable) => ({ variable, value: tf.keep(variable.clone()), dataId: variable.dataId }));
  try {
    return work();
  } finally {
    for (const { variable, value, dataId } of before) {
      if (!variable.isDisposed && variable.dataId !== dataId) variable.assign(value);
      value.dispose();
    }
  }
}

/** Runs `work` once, for the variables that it makes in its first call; they have their initial values afterwards, as all others. */
export function warmUp(tf: Tfjs, work: () => void): void {
  const engine = rawEngine(tf);
  const { makeVariable } = engine;
  const made: { readonly variable: Variable; readonly initial: Tensor }[] = [];
  engine.makeVariable = (initial, ...rest) => {
    const variable = makeVariable.apply(engine, [initial, ...rest]);
    made.push({ variable, initial: tf.keep(variable.clone()) });
    return variable;
  };
  try {
    keepingVariables(tf, work);
  } finally {
    Reflect.deleteProperty(engine, 'makeVariable');
    for (const { variable, initial } of made) {
      if (!variable.isDisposed && variable.dataId !== initial.dataId) variable.assign(initial);
      initial.dispose();
    }
  }
}
