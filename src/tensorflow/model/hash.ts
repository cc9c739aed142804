const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** murmur3's finalizer: FNV alone leaves its low bits too regular for a modulus. */
function mix(hash: number): number {
  let h = hash;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

/** FNV-1a over bytes[from..to), finalized: unsigned 32 bits. Part of the model's format: it must never change. */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let h = fnvOffset;
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] as number), fnvPrime);
  return mix(h);
}

/** The hash of an int64 given as two halves; equal for equal integers of every column type. */
export function hashInt64(low: number, high: number): number {
  return mix(Math.imul(low ^ fnvOffset, fnvPrime) ^ mix(high ^ fnvPrime));
}

/** The hash of an integer that rows carry as number or bigint. */
export function hashInteger(value: number | bigint): number {
  const big = BigInt(value);
  return hashInt64(Number(BigInt.asIntN(32, big)), Number(BigInt.asIntN(32, big >> 32n)));
}

const utf8 = new TextEncoder();

/** hashBytes of a string's UTF-8; ASCII, the common case, is hashed without encoding it. */
export function hashText(text: string): number {
  let h = fnvOffset;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) {
      const bytes = utf8.encode(text);
      return hashBytes(bytes, 0, bytes.length);
    }
    h = Math.imul(h ^ code, fnvPrime);
  }
  return mix(h);
}
