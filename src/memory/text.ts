/** UTF-8 in and out of byte columns. */

// Most string columns repeat a few short values (codes, names): a direct-mapped table of ASCII strings by the hash of
// their bytes answers those without a call into C++, and gives equal strings one identity.
const slotCount = 4096;
const maxInternedBytes = 24;
const interned: (string | undefined)[] = new Array<string | undefined>(slotCount).fill(undefined);

/** Bytes start..end of `bytes` as a string; invalid UTF-8 becomes U+FFFD. `buffer` is the same memory as a Buffer. */
export function decodeText(buffer: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return '';
  if (length > maxInternedBytes) return buffer.toString('utf8', start, end);
  let hash = length;
  let union = 0;
  for (let i = start; i < end; i++) {
    const byte = buffer[i] as number;
    union |= byte;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  if (union > 127) return buffer.toString('utf8', start, end);
  const slot = (hash ^ (hash >>> 12)) & (slotCount - 1);
  const known = interned[slot];
  if (known !== undefined && equalsAscii(known, buffer, start, length)) return known;
  const text = buffer.toString('latin1', start, end);
  interned[slot] = text;
  return text;
}

function equalsAscii(text: string, buffer: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== buffer[start + i]) return false;
  return true;
}

export interface EncodedText {
  readonly offsets: Int32Array;
  readonly values: Uint8Array;
}

const shortText = 48;

/** Strings (null counts as empty) as UTF-8 with offsets [length + 1]; a lone surrogate becomes U+FFFD. */
export function encodeTexts(texts: readonly (string | null | undefined)[]): EncodedText {
  const offsets = new Int32Array(texts.length + 1);
  let buffer = newBuffer(texts.length * 16 + 64);
  let at = 0;
  for (let row = 0; row < texts.length; row++) {
    const text = texts[row] ?? '';
    if (at + text.length * 3 > buffer.length) buffer = grown(buffer, at, at + text.length * 3);
    at += writeText(buffer, at, text);
    offsets[row + 1] = at;
  }
  return { offsets, values: new Uint8Array(buffer.buffer, buffer.byteOffset, at) };
}

function writeText(buffer: Buffer, at: number, text: string): number {
  if (text.length > shortText) return buffer.write(text, at, 'utf8');
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return buffer.write(text, at, 'utf8');
    buffer[at + i] = code;
  }
  return text.length;
}

// Not from Buffer's pool: the bytes should start at an aligned address of their own.
function newBuffer(size: number): Buffer {
  return Buffer.from(new ArrayBuffer(size));
}

function grown(buffer: Buffer, used: number, needed: number): Buffer {
  const larger = newBuffer(Math.max(needed, buffer.length * 2));
  larger.set(buffer.subarray(0, used));
  return larger;
}
