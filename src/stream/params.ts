import { MillraceError } from '../core/errors.js';
import { formatField, type Field, type Infer } from '../memory/schema.js';
import { integerRanges } from '../memory/integer-ranges.js';

/** A job parameter: a column type with an optional default and help text. A nullable one without default is optional. */
export interface Param<T = unknown> extends Field<T> {
  readonly default?: T;
  /** Shown by `millrace run <job> --help`. */
  readonly help?: string;
}

/** Parameters by name; a plain field is a required one. */
export type Params = Readonly<Record<string, Param>>;

/** The values of a job's parameters. */
export type ParamValues<P extends Params> = Infer<P>;

/**
 * A parameter with a default or help text: `workers: param(t.int32(), { default: 2, help: 'training threads' })`.
 *
 * @param options `default`: used where --set does not name the parameter; `help`: one line for people
 */
export function param<T>(field: Field<T>, options: { readonly default?: NoInfer<T>; readonly help?: string } = {}): Param<T> {
  return Object.freeze({ ...field, ...options });
}

/**
 * Converts and checks parameter values: text as `--set name=value` gives it, JSON values, or values of the right type
 * (so that it may be applied to its own result). Timestamps are ISO 8601 or ms; vectors and lists are comma separated.
 *
 * @throws PARAM_INVALID with every problem at once
 */
export function resolveParams<P extends Params>(job: { readonly name: string; readonly params: P }, raw: Readonly<Record<string, unknown>>): ParamValues<P> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(job.params)) {
    if (Object.hasOwn(raw, name) && raw[name] !== undefined) {
      const parsed = parseParam(field, raw[name]);
      if ('problem' in parsed)
        problems.push(`${name}: ${parsed.problem} (got ${typeof raw[name] === 'bigint' ? String(raw[name]) : JSON.stringify(raw[name])})`);
      else values[name] = parsed.value;
    } else if (Object.hasOwn(field, 'default')) {
      values[name] = field.default;
    } else if (field.nullable) {
      values[name] = null;
    } else {
      problems.push(`${name}: missing; give --set ${name}=<${formatField(field)}>`);
    }
  }
  for (const name of Object.keys(raw)) {
    if (!Object.hasOwn(job.params, name)) problems.push(`${name}: no such parameter; the job has ${Object.keys(job.params).join(', ') || 'none'}`);
  }
  if (problems.length > 0) throw new MillraceError('PARAM_INVALID', `job ${job.name}: ${problems.join('; ')}`, { details: { job: job.name, problems } });
  return Object.freeze(values) as ParamValues<P>;
}

/** Resolved values in a form that survives JSON and {@link resolveParams} reads back. */
export function encodeParams(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encodeParam(value)]));
}

function encodeParam(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Float32Array) return [...value];
  // JSON has no NaN and no infinities; as text they pass.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

type Parsed = { readonly value: unknown } | { readonly problem: string };

function parseParam(field: Param, raw: unknown): Parsed {
  if (field.nullable && (raw === null || raw === 'null')) return { value: null };
  switch (field.dtype) {
    case 'string':
      return typeof raw === 'string' ? { value: raw } : { problem: 'must be text' };
    case 'bool':
      return parseBool(raw);
    case 'float16':
    case 'float32':
    case 'float64':
      return parseNumber(raw);
    case 'timestamp':
      return parseTimestamp(raw);
    case 'vector':
    case 'list':
      return parseNumbers(field, raw);
    case 'bytes':
      return { problem: 'bytes cannot be a job parameter; use t.string()' };
    default:
      return field.bigint === true ? parseBigint(raw) : parseInteger(field, raw);
  }
}

function parseBool(raw: unknown): Parsed {
  if (typeof raw === 'boolean') return { value: raw };
  if (raw === 'true' || raw === '1') return { value: true };
  if (raw === 'false' || raw === '0') return { value: false };
  return { problem: 'must be true or false' };
}

function toNumber(raw: unknown): number | undefined {
  if (typeof raw === 'number') return raw;
  if (typeof raw !== 'string' || raw.trim() === '') return undefined;
  const value = Number(raw);
  return Number.isNaN(value) && raw.trim() !== 'NaN' ? undefined : value;
}

function parseNumber(raw: unknown): Parsed {
  const value = toNumber(raw);
  return value === undefined ? { problem: 'must be a number' } : { value };
}

function parseInteger(field: Param, raw: unknown): Parsed {
  const value = toNumber(raw);
  const [min, max] = integerRanges[field.dtype] as readonly [number, number];
  if (value === undefined || !Number.isInteger(value)) return { problem: 'must be a whole number' };
  return value < min || value > max ? { problem: `must be ${min}..${max}, the range of ${field.dtype}` } : { value };
}

function parseBigint(raw: unknown): Parsed {
  if (typeof raw !== 'bigint' && !(typeof raw === 'number' && Number.isSafeInteger(raw)) && !(typeof raw === 'string' && /^\s*-?\d+\s*$/.test(raw))) {
    return { problem: 'must be a whole number' };
  }
  const value = BigInt(raw);
  return BigInt.asIntN(64, value) === value ? { value } : { problem: 'must fit in 64 bits' };
}

function parseTimestamp(raw: unknown): Parsed {
  const date =
    raw instanceof Date
      ? raw
      : typeof raw === 'number' || (typeof raw === 'string' && /^\s*-?\d{5,}\s*$/.test(raw))
        ? new Date(Number(raw))
        : new Date(String(raw));
  return Number.isNaN(date.getTime()) ? { problem: 'must be a time such as 2026-01-31T12:00:00Z' } : { value: date };
}

function parseNumbers(field: Param, raw: unknown): Parsed {
  const parts = typeof raw === 'string' ? raw.split(',') : Array.isArray(raw) || raw instanceof Float32Array ? [...(raw as Iterable<unknown>)] : undefined;
  const values = parts?.map(toNumber);
  if (values === undefined || values.includes(undefined)) return { problem: 'must be numbers separated by commas' };
  if (field.dtype === 'list') return { value: values };
  return values.length === field.size
    ? { value: Float32Array.from(values as number[]) }
    : { problem: `must be ${field.size ?? 0} numbers, not ${values.length}` };
}
