import { MillraceError } from '../../core/index.js';
import type { SegmentSpec } from '../../ml-framework/parameters/segment.js';
import type { SegmentSnapshot } from './segment.js';

/**
 * One segment as bytes of state:
 *
 * ```
 * 0        4              8                       8 + header, padded to 8
 * +--------+--------------+-----------------------+--------------------+------------------+
 * | format | header bytes | header, JSON in UTF-8 | value [length] f32 | slot 0, slot 1 … |
 * | u32    | u32          | spec, version, …      | little-endian      | each [length]    |
 * +--------+--------------+-----------------------+--------------------+------------------+
 * ```
 * A chunk says everything about its segment, so a cut restores onto any number of shards.
 */
const format = 1;

interface Header {
  readonly spec: SegmentSpec;
  readonly version: number;
  readonly examples: number;
  readonly slots: number;
}

export function encodeSegment({ spec, version, examples, value, slots }: SegmentSnapshot): Uint8Array {
  const header = Buffer.from(JSON.stringify({ spec, version, examples, slots: slots.length } satisfies Header));
  const start = align(8 + header.length);
  const bytes = new Uint8Array(start + value.byteLength * (1 + slots.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, format, true);
  view.setUint32(4, header.length, true);
  bytes.set(header, 8);
  [value, ...slots].forEach((array, i) => new Float32Array(bytes.buffer, start + i * value.byteLength, value.length).set(array));
  return bytes;
}

/** @throws STATE_INVALID */
export function decodeSegment(bytes: Uint8Array): SegmentSnapshot {
  const own = bytes.slice();
  const view = new DataView(own.buffer);
  if (own.length < 8 || view.getUint32(0, true) !== format)
    throw invalid(`format ${own.length < 8 ? '?' : view.getUint32(0, true)}, this build reads ${format}`);
  const length = view.getUint32(4, true);
  if (own.length < 8 + length) throw invalid(`${own.length} bytes, cut off within the header`);
  const { spec, version, examples, slots } = JSON.parse(Buffer.from(own.buffer, 8, length).toString()) as Header;
  const start = align(8 + length);
  const expected = start + 4 * spec.length * (1 + slots);
  if (own.length !== expected) throw invalid(`${spec.variable}@${spec.offset} has ${own.length} bytes, its header says ${expected}`);
  const [value, ...rest] = Array.from({ length: 1 + slots }, (_, i) => new Float32Array(own.buffer, start + i * 4 * spec.length, spec.length));
  return { spec, version, examples, value: value!, slots: rest };
}

function align(bytes: number): number {
  return (bytes + 7) & ~7;
}

function invalid(what: string): MillraceError {
  return new MillraceError('STATE_INVALID', `parameter segment: ${what}; the state was not written by this operator`);
}
