import type { SymbolicTensor } from './layers.js';
import type { LayersModel, SymbolicTfTensor, Tfjs } from './tfjs-types.js';

/** Turns a described model into a tf.LayersModel: each layer is made once, in the order in which it is first needed. */
export function lower(tf: Tfjs, inputs: Readonly<Record<string, SymbolicTensor>>, outputs: readonly SymbolicTensor[]): LayersModel {
  const made = new Map<SymbolicTensor, SymbolicTfTensor>();
  for (const symbol of Object.values(inputs)) {
    if (symbol.origin.kind === 'input') made.set(symbol, tf.input({ shape: [...symbol.shape], dtype: symbol.origin.dtype }));
  }
  const lowered = (symbol: SymbolicTensor): SymbolicTfTensor => {
    const known = made.get(symbol);
    if (known !== undefined) return known;
    if (symbol.origin.kind === 'input') throw new Error(`input ${symbol.origin.name} belongs to another model`);
    const from = symbol.origin.inputs.map(lowered);
    const result = symbol.origin.create(tf).apply(from.length === 1 ? (from[0] as SymbolicTfTensor) : from) as SymbolicTfTensor;
    made.set(symbol, result);
    return result;
  };
  const ends = outputs.map(lowered);
  return tf.model({ inputs: Object.values(inputs).map(lowered), outputs: ends });
}
