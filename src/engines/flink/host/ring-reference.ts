/**
 * What goes through Flink in place of a batch that stays in its host.
 *
 * ```
 * 0      4          8                 16
 * +------+----------+-----------------+
 * | ring | reserved | frame (float64) |
 * | u32  |          | its sequence    |
 * +------+----------+-----------------+
 * ```
 */
export interface RingReference {
  readonly ring: number;
  readonly sequence: number;
}

export const referenceBytes = 16;

export function writeReference(payload: Uint8Array, { ring, sequence }: RingReference): void {
  const view = new DataView(payload.buffer, payload.byteOffset, referenceBytes);
  view.setUint32(0, ring, true);
  view.setUint32(4, 0, true);
  view.setFloat64(8, sequence, true);
}

export function readReference(payload: Uint8Array): RingReference {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return { ring: view.getUint32(0, true), sequence: view.getFloat64(8, true) };
}
