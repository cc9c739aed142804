/** State of a node at a cut: what its entry gave, and the segments of a shard inside it. */
export interface NodeState {
  readonly user: readonly Uint8Array[];
  readonly segments: readonly Uint8Array[];
}

/** First byte of a chunk, then the bytes. */
const kind = { user: 1, segment: 2 } as const;

export function encodeNodeState({ user, segments }: NodeState): Uint8Array[] {
  return [...user.map((bytes) => tagged(kind.user, bytes)), ...segments.map((bytes) => tagged(kind.segment, bytes))];
}

export function decodeNodeState(chunks: readonly Uint8Array[]): NodeState {
  const of = (tag: number): Uint8Array[] => chunks.filter((bytes) => bytes[0] === tag).map((bytes) => bytes.subarray(1));
  return { user: of(kind.user), segments: of(kind.segment) };
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(1 + bytes.length);
  chunk[0] = tag;
  chunk.set(bytes, 1);
  return chunk;
}
