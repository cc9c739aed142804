import type { RecordBatch } from '../../memory/batch.js';
import { recordText, type BadRecord } from '../dead-letters.js';
import { ValueProblem } from '../field-codec.js';
import type { SplitRead, SplitReader } from '../split-source.js';
import { FileBlocks } from './file-blocks.js';

/** Finds records in bytes and decodes them: the part in which JSON Lines and CSV differ. */
export interface RecordScanner {
  /**
   * Index after the record (and its terminator) that begins at `from`, or -1 where the window ends before it does.
   * With `ended` there is always an answer: what follows the last terminator is a record too.
   */
  scan(window: Buffer, from: number, ended: boolean): number;
  /**
   * Takes up the record found last. @returns false for a blank line
   * @throws ValueProblem where it cannot be used; nothing of it is kept then
   */
  decode(window: Buffer, ascii: boolean): boolean;
  /** Rows decoded since the last take. */
  readonly length: number;
  take(): RecordBatch | undefined;
}

export interface TextReaderOptions {
  readonly path: string;
  readonly maxRecordBytes: number;
  readonly blockBytes?: number;
}

const lineFeed = 0x0a;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const maxBadPerRead = 256;

/** Reads the records of one text file from a byte position on. */
export class TextReader implements SplitReader {
  readonly #blocks: FileBlocks;
  readonly #scanner: RecordScanner;
  readonly #options: TextReaderOptions;
  /** Of the window's first byte; known where the file was read from its beginning. */
  #line: number | undefined;
  #atStart: boolean;
  /** Inside a record over the size limit: everything up to the next line feed is dropped. */
  #skipping = false;
  #bad: BadRecord[] = [];

  private constructor(blocks: FileBlocks, scanner: RecordScanner, options: TextReaderOptions) {
    this.#blocks = blocks;
    this.#scanner = scanner;
    this.#options = options;
    this.#atStart = blocks.offset === 0;
    this.#line = this.#atStart ? 1 : undefined;
  }

  /** @throws FILE_NOT_FOUND, IO_FAILED */
  static async open(scanner: RecordScanner, position: number, options: TextReaderOptions): Promise<TextReader> {
    return new TextReader(await FileBlocks.open(options.path, position, options.blockBytes), scanner, options);
  }

  async read(maxRows: number): Promise<SplitRead> {
    for (;;) {
      const starved = this.#scanWindow(maxRows);
      if (!starved || this.#blocks.ended) return this.#result(starved);
      // What is there goes out before the next wait for the disk.
      if (!this.#skipping && (this.#scanner.length > 0 || this.#bad.length > 0)) return this.#result(false);
      await this.#fill();
    }
  }

  close(): Promise<void> {
    return this.#blocks.close();
  }

  async #fill(): Promise<void> {
    const blocks = this.#blocks;
    await blocks.fill();
    if (!this.#atStart || (blocks.bytes.length < byteOrderMark.length && !blocks.ended)) return;
    this.#atStart = false;
    if (blocks.bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark)) blocks.consume(byteOrderMark.length);
  }

  /** @returns true where more bytes are needed to go on */
  #scanWindow(maxRows: number): boolean {
    const blocks = this.#blocks;
    const { bytes, ended } = blocks;
    if (this.#atStart && !ended) return true;
    let from = 0;
    while (from < bytes.length && this.#wantsMore(maxRows)) {
      const next = this.#skipping ? this.#skip(bytes, from) : this.#record(bytes, from, ended);
      if (next < 0) break;
      from = next;
    }
    const starved = from === bytes.length || this.#wantsMore(maxRows);
    if (this.#line !== undefined) this.#line += countLines(bytes, 0, from);
    blocks.consume(from);
    return starved;
  }

  // Never stops inside a record that is being dropped: a position there would make its rest a record after a restore.
  #wantsMore(maxRows: number): boolean {
    return this.#skipping || (this.#scanner.length < maxRows && this.#bad.length < maxBadPerRead);
  }

  /** One record of the window; index after it, or -1 where it goes on beyond the window. */
  #record(bytes: Buffer, from: number, ended: boolean): number {
    const { maxRecordBytes } = this.#options;
    const next = this.#scanner.scan(bytes, from, ended);
    if (next < 0 && bytes.length - from <= maxRecordBytes) return -1;
    if (next < 0 || next - from > maxRecordBytes) return this.#tooLarge(bytes, from, next);
    try {
      this.#scanner.decode(bytes, this.#blocks.ascii);
    } catch (thrown) {
      if (!(thrown instanceof ValueProblem)) throw thrown;
      this.#report('RECORD_MALFORMED', bytes, from, next, thrown.message);
    }
    return next;
  }

  /**
   * Goes on after the next line feed, for an unclosed quote must not take the records after it along; also where the end of
   * the record is in the window, so that the size of blocks changes nothing.
   */
  #tooLarge(bytes: Buffer, from: number, next: number): number {
    const { maxRecordBytes } = this.#options;
    const lineEnd = bytes.indexOf(lineFeed, from);
    const end = lineEnd >= 0 ? lineEnd + 1 : next >= 0 ? next : bytes.length;
    this.#report(
      'RECORD_TOO_LARGE',
      bytes,
      from,
      Math.min(end, from + maxRecordBytes),
      `the record has more than ${maxRecordBytes} bytes (option maxRecordBytes)`,
    );
    this.#skipping = next < 0 && lineEnd < 0;
    return end;
  }

  #skip(bytes: Buffer, from: number): number {
    const lineEnd = bytes.indexOf(lineFeed, from);
    this.#skipping = lineEnd < 0;
    return lineEnd < 0 ? bytes.length : lineEnd + 1;
  }

  #report(code: BadRecord['code'], bytes: Buffer, from: number, next: number, cause: string): void {
    let end = next;
    if (bytes[end - 1] === lineFeed) end--;
    const byte = `byte ${this.#blocks.offset + from}`;
    const position = this.#line === undefined ? byte : `line ${this.#line + countLines(bytes, 0, from)}, ${byte}`;
    this.#bad.push({ code, where: this.#options.path, position, cause, record: recordText(bytes.subarray(from, end)) });
  }

  #result(done: boolean): SplitRead {
    const bad = this.#bad;
    this.#bad = [];
    return { batch: this.#scanner.take(), bad, position: this.#blocks.offset, done };
  }
}

function countLines(bytes: Buffer, from: number, to: number): number {
  let lines = 0;
  for (let at = from; at < to; at++) if (bytes[at] === lineFeed) lines++;
  return lines;
}
