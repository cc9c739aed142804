/** Bitmaps, least significant bit first: bit `i` is `bytes[i >> 3] & (1 << (i & 7))`. Bits past the length are unspecified. */

export function bitmapBytes(length: number): number {
  return (length + 7) >>> 3;
}

export function bitAt(bits: Uint8Array, index: number): boolean {
  return (((bits[index >> 3] as number) >> (index & 7)) & 1) === 1;
}

export function setBit(bits: Uint8Array, index: number): void {
  (bits[index >> 3] as number) |= 1 << (index & 7);
}

export function clearBit(bits: Uint8Array, index: number): void {
  (bits[index >> 3] as number) &= ~(1 << (index & 7));
}

/** A bitmap of ones. */
export function onesBitmap(length: number): Uint8Array {
  return new Uint8Array(bitmapBytes(length)).fill(255);
}

export function countZeroBits(bits: Uint8Array, length: number): number {
  const whole = length >>> 3;
  let ones = 0;
  for (let i = 0; i < whole; i++) ones += popcount(bits[i] as number);
  if ((length & 7) !== 0) ones += popcount((bits[whole] as number) & ((1 << (length & 7)) - 1));
  return length - ones;
}

function popcount(byte: number): number {
  const pairs = byte - ((byte >> 1) & 0x55);
  const nibbles = (pairs & 0x33) + ((pairs >> 2) & 0x33);
  return (nibbles + (nibbles >> 4)) & 0x0f;
}

/** Bits from..to: shares memory where `from` is a multiple of eight, else a shifted copy. */
export function sliceBits(bits: Uint8Array, from: number, to: number): Uint8Array {
  const first = from >> 3;
  if ((from & 7) === 0) return bits.subarray(first, first + bitmapBytes(to - from));
  const out = new Uint8Array(bitmapBytes(to - from));
  const shift = from & 7;
  for (let i = 0; i < out.length; i++) {
    out[i] = ((bits[first + i] as number) >> shift) | ((bits[first + i + 1] ?? 0) << (8 - shift));
  }
  return out;
}

export function takeBits(bits: Uint8Array, indices: Int32Array): Uint8Array {
  const out = new Uint8Array(bitmapBytes(indices.length));
  for (let i = 0; i < indices.length; i++) if (bitAt(bits, indices[i] as number)) setBit(out, i);
  return out;
}

/** Writes `length` bits of `source` (all ones where undefined) into `target` from bit `at`; `target` is zero there. */
export function appendBits(target: Uint8Array, at: number, source: Uint8Array | undefined, length: number): void {
  if ((at & 7) === 0 && source !== undefined) {
    target.set(source.subarray(0, length >> 3), at >> 3);
    for (let i = length & ~7; i < length; i++) if (bitAt(source, i)) setBit(target, at + i);
    return;
  }
  for (let i = 0; i < length; i++) if (source === undefined || bitAt(source, i)) setBit(target, at + i);
}
