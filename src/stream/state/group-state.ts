import { MillraceError } from '../../core/errors.js';
import type { StateChunk } from '../subtask.js';
import { ByteReader, ByteWriter } from './byte-writer.js';
import type { Key } from './key.js';
import { readColumn } from './read-column.js';
import { cannotEncode, decodeState } from './state-bytes.js';
import { writeColumn } from './write-column.js';

/** What a keyed function holds for the keys of one key group; `timers` are pairs (index into keys, time). */
export interface GroupState {
  readonly keys: Key[];
  /** By name of the state, one value for each key; undefined where the key has none. */
  readonly state: Record<string, unknown[]>;
  readonly eventTimers: number[];
  readonly processingTimers: number[];
  readonly watermark: number;
}

/** Values, or a function that writes their column. */
export type EncodableColumn = readonly unknown[] | ((writer: ByteWriter) => void);

/** What is encoded. */
export interface EncodableGroup extends Omit<GroupState, 'keys' | 'state'> {
  readonly keys: EncodableColumn;
  readonly state: Readonly<Record<string, EncodableColumn>>;
}

/** The first one was all in V8's structured clone encoding; see state-bytes.ts. */
const versions = { clone: 1, columns: 2 } as const;

/**
 * A chunk of keyed state:
 *
 * ```
 * version u8 = 2, 7 bytes 0 │ watermark float64 │ columns: keys │ event timers │ processing timers │ names │ each state
 * ```
 * see column-format.ts. Equal states of one build are equal bytes.
 */
export class GroupEncoder {
  readonly #writer = new ByteWriter();

  constructor(private readonly operator: string) {}

  /** @throws USER_FUNCTION for state that is no data */
  encode({ keys, state, eventTimers, processingTimers, watermark }: EncodableGroup): Uint8Array {
    const writer = this.#writer;
    writer.rewind();
    writer.bytes(8).fill(0)[0] = versions.columns;
    writer.float64(1)[0] = watermark;
    try {
      for (const column of [keys, eventTimers, processingTimers, Object.keys(state), ...Object.values(state)]) {
        if (typeof column === 'function') column(writer);
        else writeColumn(writer, column);
      }
    } catch (thrown) {
      throw cannotEncode(thrown, this.operator);
    }
    return writer.taken();
  }
}

/** @throws STATE_INVALID for a later version or damaged bytes */
export function decodeGroup(chunk: StateChunk, operator: string): GroupState {
  const [version] = chunk.bytes;
  if (version === versions.clone) return decodeState(versions.clone, chunk, operator) as GroupState;
  if (version !== versions.columns) {
    const text = `state of key group ${chunk.keyGroup} has version ${String(version)}, this build reads versions up to ${versions.columns}`;
    throw new MillraceError('STATE_INVALID', `${operator}: ${text}`);
  }
  try {
    const reader = new ByteReader(chunk.bytes);
    reader.bytes(8);
    const [watermark] = reader.float64(1);
    const [keys, eventTimers, processingTimers, names] = [0, 1, 2, 3].map(() => readColumn(reader));
    const state = Object.fromEntries((names as string[]).map((name) => [name, readColumn(reader)]));
    return { keys: keys as Key[], state, eventTimers: eventTimers as number[], processingTimers: processingTimers as number[], watermark: watermark! };
  } catch (thrown) {
    throw new MillraceError('STATE_INVALID', `${operator}: state of key group ${chunk.keyGroup} is damaged (${chunk.bytes.length} bytes)`, { cause: thrown });
  }
}
