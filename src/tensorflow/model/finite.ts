import type { TensorValue } from '../tensor-value.js';

/** Name of the first float32 value that holds a NaN or infinity; undefined where all are finite. One pass, no allocation. */
export function firstNonFinite(values: Readonly<Record<string, TensorValue>>): string | undefined {
  for (const [name, { data }] of Object.entries(values)) {
    let spoiled = 0;
    // x * 0 is 0 for every finite x, NaN otherwise; a NaN sum stays NaN.
    for (let i = 0; i < data.length; i++) spoiled += (data[i] as number) * 0;
    if (spoiled !== 0) return name;
  }
  return undefined;
}
