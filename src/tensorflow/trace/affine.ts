/** value = slope * batch + offset */
export interface Affine {
  readonly slope: number;
  readonly offset: number;
}

/** A line through the first two points that every other lies on too; a single point is a constant. */
export function affine(values: readonly number[], sizes: readonly number[]): Affine | undefined {
  const [v0, v1] = values as [number, number];
  if (values.length === 1) return { slope: 0, offset: v0 };
  const [b0, b1] = sizes as [number, number];
  const slope = (v1 - v0) / (b1 - b0);
  const offset = v0 - slope * b0;
  return values.every((value, i) => Math.abs(slope * (sizes[i] as number) + offset - value) <= 1e-6 * Math.max(1, Math.abs(value)))
    ? { slope, offset }
    : undefined;
}

/** Lines of integers, entry by entry. */
export function affineVector(vectors: readonly ArrayLike<number>[], sizes: readonly number[]): readonly Affine[] | undefined {
  const length = vectors[0]?.length ?? 0;
  if (vectors.some((vector) => vector.length !== length)) return undefined;
  const entries: Affine[] = [];
  for (let i = 0; i < length; i++) {
    const entry = affine(
      vectors.map((vector) => vector[i] as number),
      sizes,
    );
    if (entry === undefined || !Number.isInteger(entry.slope)) return undefined;
    entries.push({ slope: entry.slope, offset: Math.round(entry.offset) });
  }
  return entries;
}
