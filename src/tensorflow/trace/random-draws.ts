import seedrandom from 'seedrandom';
import type { Distribution } from './random-watch.js';

/** What tfjs's generators draw from a seed at location 0 and scale 1: uniform in [0, 1), normal, or normal within two deviations. */
export function standardDraws(distribution: Distribution, seed: string, count: number): number[] {
  const random = seedrandom.alea(seed);
  if (distribution === 'uniform') return Array.from({ length: count }, () => random());
  const isTruncated = distribution === 'truncatedNormal';
  let spare: number | undefined;
  return Array.from({ length: count }, () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const [x, y] = polarPair(random);
      if (isTruncated && Math.abs(x) > 2) continue;
      if (!isTruncated || Math.abs(y) <= 2) spare = y;
      return x;
    }
  });
}

/** Marsaglia's polar method, in the order in which tfjs draws. */
function polarPair(random: () => number): [number, number] {
  for (;;) {
    const v1 = 2 * random() - 1;
    const v2 = 2 * random() - 1;
    const s = v1 * v1 + v2 * v2;
    if (s >= 1 || s === 0) continue;
    const scale = Math.sqrt((-2 * Math.log(s)) / s);
    return [v1 * scale, v2 * scale];
  }
}

/** values = offset + scale * draws, or undefined where they do not lie on one line. */
export function fitDraws(draws: readonly number[], values: readonly number[]): { readonly offset: number; readonly scale: number } | undefined {
  const low = draws.indexOf(Math.min(...draws));
  const high = draws.indexOf(Math.max(...draws));
  const width = (draws[high] ?? 0) - (draws[low] ?? 0);
  const scale = width === 0 ? 0 : ((values[high] as number) - (values[low] as number)) / width;
  const offset = (values[low] as number) - scale * (draws[low] as number);
  const tolerance = 1e-5 * Math.max(Math.abs(offset), Math.abs(scale));
  return draws.every((draw, i) => Math.abs(offset + scale * draw - (values[i] as number)) <= tolerance)
    ? { offset: neat(offset), scale: neat(scale) }
    : undefined;
}

/** Bounds are almost always short decimals, of which float32 arithmetic has taken the last digits. */
function neat(value: number): number {
  const short = Number(value.toPrecision(6));
  return Math.abs(short - value) <= 1e-6 * Math.max(1, Math.abs(value)) ? short : value;
}
