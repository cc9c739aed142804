import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';

/** Turns batches into the bytes of one file, front to back. Returned bytes are to be appended in order. */
export interface FileEncoder {
  /** What a new file begins with. */
  start(): Uint8Array;
  /** May hold rows back until flush. */
  write(batch: RecordBatch): Uint8Array;
  /** Bytes of every row written so far: a cut follows. */
  flush(): Uint8Array;
  /** What a finished file ends with. */
  end(): Uint8Array;
  /** After a flush: what a successor needs to go on at this byte; structured-clonable. */
  state(): unknown;
}

export interface EncoderResume {
  /** What state() gave. */
  readonly state: unknown;
  /** Length of the file at that moment. */
  readonly bytes: number;
}

/** Makes the encoder of a new file, or of one that an earlier encoder has begun. */
export type EncoderFactory = (schema: Schema | undefined, resume?: EncoderResume) => FileEncoder | Promise<FileEncoder>;

export const noBytes = new Uint8Array(0);

/** An encoder of lines of text: it holds nothing back, so a cut can be anywhere. */
export function lineEncoder(header: string, encode: (batch: RecordBatch) => string): FileEncoder {
  return {
    start: () => Buffer.from(header),
    write: (batch) => Buffer.from(encode(batch)),
    flush: () => noBytes,
    end: () => noBytes,
    state: () => null,
  };
}
