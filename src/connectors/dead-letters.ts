import { MillraceError, type ErrorCode } from '../core/index.js';
import { batchFromRows } from '../memory/index.js';
import { deadLetterSchema, deadLetterTag, noOriginal, type DeadLetter, type SourceRuntimeOptions } from '../stream/connector.js';
import type { SubtaskContext } from '../stream/subtask.js';

/** A record that its source could not use. */
export interface BadRecord {
  readonly code: Extract<ErrorCode, 'RECORD_MALFORMED' | 'RECORD_TOO_LARGE'>;
  /** File and the like; joined to the operator's name. */
  readonly where: string;
  /** 'line 7, byte 120', 'row 12'. */
  readonly position: string;
  readonly cause: string;
  readonly record: string;
  /** Where the source has records of bytes. */
  readonly original?: Pick<DeadLetter, 'value' | 'key' | 'headers'>;
}

/** Longest original kept in a dead letter; the rest is cut off with a note. */
const maxRecordChars = 65_536;

/** The bytes of a record as text where they are UTF-8, else as base64 with that prefix. */
export function recordText(bytes: Uint8Array): string {
  const kept = bytes.byteLength > maxRecordChars ? bytes.subarray(0, maxRecordChars) : bytes;
  const note = kept === bytes ? '' : `... (${bytes.byteLength} bytes)`;
  try {
    // Streaming decode tolerates a character that the cut went through.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(kept, { stream: kept !== bytes }) + note;
  } catch {
    return `base64:${Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength).toString('base64')}${note}`;
  }
}

/** Sends bad records the way `onBadRecord` says. */
export class DeadLetterWriter {
  readonly #context: SubtaskContext;
  readonly #mode: SourceRuntimeOptions['onBadRecord'];
  readonly #counter;

  constructor(context: SubtaskContext, mode: SourceRuntimeOptions['onBadRecord']) {
    this.#context = context;
    this.#mode = mode;
    this.#counter = context.metrics.counter('dead_letters_total', 'Records that the source could not use.');
  }

  /** @throws RECORD_MALFORMED or RECORD_TOO_LARGE of the first one, where onBadRecord is 'fail' */
  write(records: readonly BadRecord[]): void {
    const first = records[0];
    if (first === undefined) return;
    if (this.#mode === 'fail') {
      throw new MillraceError(first.code, `${this.#context.operator.name}: ${first.where}, ${first.position}: ${first.cause}`, {
        details: { operator: this.#context.operator.uid, source: first.where, position: first.position, record: first.record.slice(0, 1000) },
      });
    }
    const letters = records.map(({ code, where, position, cause, record, original }): DeadLetter => ({
      source: `${this.#context.operator.name}: ${where}`,
      position,
      code,
      cause,
      record,
      ...(original ?? noOriginal),
    }));
    this.#context.output(deadLetterTag).emit(batchFromRows(deadLetterSchema, letters));
    this.#counter.add(records.length);
  }
}
