/** Tensors travel in messages of at most this many payload bytes. */
export const maxChunkBytes = 1024 * 1024;

/** Room for a chunk and the message around it; a larger message is refused by either end. */
export const maxMessageBytes = 4 * maxChunkBytes;
