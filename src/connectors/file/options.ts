import { z } from 'zod';
import type { Schema } from '../../memory/schema.js';

/** Largest record of a text source by default: 8 MiB. */
export const defaultMaxRecordBytes = 8 * 1024 * 1024;

export const maxRecordBytesOption = z.number().int().positive().default(defaultMaxRecordBytes);

/** Tells a schema from options: with a schema a file is read, without one it is written. */
export function isSchema(value: unknown): value is Schema {
  if (typeof value !== 'object' || value === null) return false;
  const fields = Object.values(value);
  return fields.length > 0 && fields.every((field) => typeof field === 'object' && field !== null && 'dtype' in field && 'nullable' in field);
}
