import { formatField, type Schema } from './schema.js';
import type { ColumnBuilder } from './column-builder.js';
import type { DataColumn } from './column.js';

type Row = Record<string, unknown>;
export type RowMaker = (columns: readonly DataColumn[], index: number) => Row;
export type RowWriter = (builders: readonly ColumnBuilder[], row: Row) => void;

/** A class whose getters read the row at its position. `at` moves one. */
export interface RowViewType {
  new (columns: readonly DataColumn[]): Row;
  at(view: Row, index: number): Row;
}

/**
 * What is worked out once per schema: positions, and row code generated for its columns, so that the compiler sees one
 * shape of row and one class of column at each place. Access by a variable name costs several times as much.
 */
export class RowShape {
  readonly names: readonly string[];
  readonly index: ReadonlyMap<string, number>;
  /** Tells schemas apart on the wire: names, types and order; 32 bits. */
  readonly hash: number;
  readonly #selections = new Map<string, Schema>();
  #maker: RowMaker | undefined;
  #writer: RowWriter | undefined;
  #view: RowViewType | undefined;

  constructor(readonly schema: Schema) {
    this.names = Object.keys(schema);
    this.index = new Map(this.names.map((name, i) => [name, i]));
    this.hash = hashText(JSON.stringify(Object.entries(schema).map(([name, field]) => [name, formatField(field)])));
  }

  /** Makes a fresh plain object of one row. */
  get maker(): RowMaker {
    this.#maker ??= generate<RowMaker>(`(columns, index) => ({ ${this.names.map((name, i) => `${keyOf(name)}: columns[${i}].get(index)`).join(', ')} })`);
    return this.#maker;
  }

  /** Appends one row to the builders of its columns. */
  get writer(): RowWriter {
    const cells = this.names.map(
      (name, i) => `{ const v = row[${JSON.stringify(name)}]; if (v === null || v === undefined) builders[${i}].appendNull(v); else builders[${i}].put(v); }`,
    );
    this.#writer ??= generate<RowWriter>(`(builders, row) => { ${cells.join('\n')} }`);
    return this.#writer;
  }

  get view(): RowViewType {
    // Private names cannot collide with a column's name.
    this.#view ??= generate<RowViewType>(`class {
      #at = 0;
      ${this.names.map((_, i) => `#c${i};`).join(' ')}
      constructor(columns) { ${this.names.map((_, i) => `this.#c${i} = columns[${i}];`).join(' ')} }
      ${this.names.map((name, i) => `get [${JSON.stringify(name)}]() { return this.#c${i}.get(this.#at); }`).join('\n')}
      static at(view, index) { view.#at = index; return view; }
    }`);
    return this.#view;
  }

  /** The schema of these columns alone: one object per selection, so that its shape is made once. */
  selection(names: readonly string[]): Schema {
    const key = JSON.stringify(names);
    let schema = this.#selections.get(key);
    if (schema === undefined) {
      schema = Object.freeze(Object.fromEntries(names.map((name) => [name, this.schema[name]]))) as Schema;
      this.#selections.set(key, schema);
    }
    return schema;
  }
}

const shapes = new WeakMap<Schema, RowShape>();

export function shapeOf(schema: Schema): RowShape {
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = new RowShape(schema);
    shapes.set(schema, shape);
  }
  return shape;
}

// A plain "__proto__" key in a literal would set the prototype.
function keyOf(name: string): string {
  return name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
}

function generate<T>(expression: string): T {
  // Column names enter the code as JSON strings only, so they cannot escape into it.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- code per schema is what makes rows cheap
  return new Function(`'use strict'; return ${expression};`)() as T;
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
