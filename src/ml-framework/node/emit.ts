import { MillraceError } from '../../core/index.js';
import { batchFromRows, rowBatch, type RecordBatch, type Schema } from '../../memory/index.js';

/** Schemas of what a node emits: the main output, and side outputs by tag. */
export interface OutputSchemas {
  readonly main: Schema | undefined;
  readonly side: Readonly<Record<string, Schema | undefined>>;
}

/** Rows, or a batch, as a batch of the output's schema. @throws SCHEMA_MISMATCH */
export function toBatch(rows: RecordBatch | readonly object[], { main, side }: OutputSchemas, tag?: string): RecordBatch {
  if (!Array.isArray(rows)) return rows as RecordBatch;
  if (tag !== undefined && !Object.hasOwn(side, tag)) {
    throw new MillraceError('SCHEMA_MISMATCH', `ctx.emit: the role has no side output '${tag}'; it has: ${Object.keys(side).join(', ') || 'none'}`);
  }
  const schema = tag === undefined ? main : side[tag];
  return schema === undefined ? rowBatch(rows as Record<string, unknown>[]) : batchFromRows(schema, rows as Record<string, never>[]);
}
