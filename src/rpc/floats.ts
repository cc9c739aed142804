/** The bytes of a float32 array, without a copy. Little-endian, as every platform of Node is. */
export function floatsToBytes(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A float32 array of its own: bytes of a message lie at any offset. */
export function bytesToFloats(bytes: Uint8Array): Float32Array {
  const floats = new Float32Array(bytes.byteLength >> 2);
  new Uint8Array(floats.buffer).set(bytes.subarray(0, floats.byteLength));
  return floats;
}
