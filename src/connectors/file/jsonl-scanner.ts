import type { RecordBatch } from '../../memory/batch.js';
import type { Schema } from '../../memory/schema.js';
import { jsonDecoder, ValueProblem, type DecodeValue } from '../field-codec.js';
import { ColumnGatherer, RowGatherer } from '../gatherer.js';
import type { RecordScanner } from './text-reader.js';
import { decodeUtf8 } from './utf8.js';

/** JSON Lines: one JSON value per line, LF or CRLF; with a schema each is an object. Blank lines are skipped. */
export function jsonlScanner(schema: Schema | undefined): RecordScanner {
  return schema === undefined ? new LineScanner(new RowDecoder()) : new LineScanner(new ObjectDecoder(schema));
}

interface ValueSink {
  add(value: unknown): void;
  readonly length: number;
  take(): RecordBatch | undefined;
}

class LineScanner implements RecordScanner {
  readonly #sink: ValueSink;
  #from = 0;
  #to = 0;

  constructor(sink: ValueSink) {
    this.#sink = sink;
  }

  scan(window: Buffer, from: number, ended: boolean): number {
    const lineEnd = window.indexOf(0x0a, from);
    if (lineEnd < 0 && !ended) return -1;
    this.#from = from;
    this.#to = lineEnd < 0 ? window.length : lineEnd;
    return lineEnd < 0 ? window.length : lineEnd + 1;
  }

  decode(window: Buffer, ascii: boolean): boolean {
    const text = decodeUtf8(window, this.#from, this.#to, ascii);
    if (text.trim() === '') return false;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      throw new ValueProblem(`not JSON: ${(thrown as Error).message}`);
    }
    this.#sink.add(value);
    return true;
  }

  get length(): number {
    return this.#sink.length;
  }

  take(): RecordBatch | undefined {
    return this.#sink.take();
  }
}

class RowDecoder extends RowGatherer implements ValueSink {}

class ObjectDecoder extends ColumnGatherer implements ValueSink {
  readonly #decoders: readonly (readonly [string, DecodeValue])[];
  readonly #values: unknown[];

  constructor(schema: Schema) {
    super(schema);
    this.#decoders = Object.entries(schema).map(([name, field]) => [name, jsonDecoder(name, field)] as const);
    this.#values = new Array<unknown>(this.#decoders.length);
  }

  add(value: unknown): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ValueProblem('not a JSON object');
    this.#decoders.forEach(([name, decode], i) => {
      this.#values[i] = decode(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined);
    });
    this.addValues(this.#values);
  }
}
