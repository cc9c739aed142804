import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { parquetSchema } from 'hyparquet/src/metadata.js';
import { formatField, type Field, type Schema } from '../../memory/schema.js';

/** How the values of a file's column are read into a column of ours. */
export type ReadAs = 'bool' | 'integer' | 'float' | 'string' | 'bytes' | 'timestamp' | 'numbers';

export interface ParquetColumn {
  readonly name: string;
  readonly field: Field;
  readonly readAs: ReadAs;
  readonly tree: SchemaTree;
}

const integers: ReadonlySet<string> = new Set(['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32']);

/**
 * Finds each column of the schema in the file. Integers fit integers of another width (values are checked when read) and
 * floats; nullable in the file and not in the schema is fine until a null comes.
 *
 * @returns the columns, and a sentence for each that is missing or of a type that does not fit
 */
export function matchColumns(
  path: string,
  metadata: FileMetaData,
  schema: Schema,
): { readonly columns: readonly ParquetColumn[]; readonly problems: readonly string[] } {
  const trees = parquetSchema(metadata).children;
  const has = trees.map((tree) => `${tree.element.name}: ${formatElement(tree)}`).join(', ');
  const columns: ParquetColumn[] = [];
  const problems: string[] = [];
  for (const [name, field] of Object.entries(schema)) {
    const tree = trees.find(({ element }) => element.name === name);
    const readAs = tree === undefined ? undefined : readableAs(field, tree);
    if (tree === undefined) problems.push(`${path}: no column '${name}' (wanted ${formatField(field)}); the file has: ${has}`);
    else if (readAs === undefined)
      problems.push(`${path}: column '${name}' is ${formatElement(tree)}, which cannot be read as ${formatField(field)}; the file has: ${has}`);
    else columns.push({ name, field, readAs, tree });
  }
  return { columns, problems };
}

function readableAs(field: Field, tree: SchemaTree): ReadAs | undefined {
  if (field.dtype === 'vector' || field.dtype === 'list') {
    const leaf = listLeaf(tree);
    return leaf !== undefined && kindOf(leaf) !== undefined && ['integer', 'float'].includes(kindOf(leaf) as string) ? 'numbers' : undefined;
  }
  if (tree.children.length > 0 || tree.element.repetition_type === 'REPEATED') return undefined;
  const kind = kindOf(tree.element);
  if (kind === undefined) return undefined;
  if (integers.has(field.dtype)) return kind === 'integer' ? 'integer' : undefined;
  if (field.dtype.startsWith('float')) return kind === 'integer' || kind === 'float' || kind === 'decimal' ? 'float' : undefined;
  if (field.dtype === 'bytes') return kind === 'bytes' || kind === 'string' ? 'bytes' : undefined;
  // Old writers leave text without an annotation; bytes that are no UTF-8 become dead letters.
  if (field.dtype === 'string') return kind === 'string' || (kind === 'bytes' && tree.element.type === 'BYTE_ARRAY') ? 'string' : undefined;
  return kind === field.dtype ? kind : undefined;
}

/** The leaf of a list in its standard three levels. */
function listLeaf(tree: SchemaTree): SchemaElement | undefined {
  if (tree.element.converted_type !== 'LIST' && tree.element.logical_type?.type !== 'LIST') return undefined;
  const leaf = tree.children[0]?.children[0];
  return leaf !== undefined && leaf.children.length === 0 ? leaf.element : undefined;
}

type Kind = 'bool' | 'integer' | 'float' | 'decimal' | 'string' | 'bytes' | 'timestamp';

function kindOf(element: SchemaElement): Kind | undefined {
  const logical = element.logical_type?.type;
  const converted = element.converted_type;
  if (converted === 'DECIMAL' || logical === 'DECIMAL') return 'decimal';
  if (logical === 'TIMESTAMP' || logical === 'DATE' || converted === 'DATE' || converted?.startsWith('TIMESTAMP') === true || element.type === 'INT96')
    return 'timestamp';
  // Times of day and intervals have no dtype of ours.
  if (logical === 'TIME' || converted?.startsWith('TIME_') === true || logical === 'INTERVAL' || converted === 'INTERVAL') return undefined;
  switch (element.type) {
    case 'BOOLEAN':
      return 'bool';
    case 'INT32':
    case 'INT64':
      return 'integer';
    case 'FLOAT':
    case 'DOUBLE':
      return 'float';
    case 'BYTE_ARRAY':
      return converted === 'UTF8' || converted === 'ENUM' || converted === 'JSON' || logical === 'STRING' || logical === 'ENUM' || logical === 'JSON'
        ? 'string'
        : 'bytes';
    case 'FIXED_LEN_BYTE_ARRAY':
      return logical === 'FLOAT16' ? 'float' : 'bytes';
    default:
      return undefined;
  }
}

/** 'INT64 (TIMESTAMP MICROS), optional' */
function formatElement({ element, children }: SchemaTree): string {
  const logical = element.logical_type;
  const more = logical === undefined ? element.converted_type : 'unit' in logical ? `${logical.type} ${logical.unit}` : logical.type;
  const base = children.length > 0 ? (more ?? 'group') : `${element.type ?? 'unknown'}${more === undefined ? '' : ` (${more})`}`;
  return element.repetition_type === 'OPTIONAL' ? `${base}, optional` : base;
}

export { formatElement };
