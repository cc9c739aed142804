import { errorCodes, type ErrorCode } from './error-codes.js';

/** Plain values that say more about an error: where, the value, the limit. They must survive JSON. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface MillraceErrorOptions {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

const brand = Symbol.for('millrace.error');

/**
 * The one error class of Millrace.
 *
 * The message says what happened, where, the value, the limit and the fix. Match on `code`, never on the class: errors
 * cross threads and gRPC by {@link encodeError}, and two copies of the package may be loaded.
 */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = errorCodes[code].retryable;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** Any thrown value as a MillraceError: itself, or wrapped under `code`, keeping the original as cause. */
  static from(thrown: unknown, code: ErrorCode = 'INTERNAL', where?: string): MillraceError {
    if (isMillraceError(thrown)) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new MillraceError(code, where === undefined ? text : `${where}: ${text}`, { cause: thrown });
  }
}

export function isMillraceError(value: unknown): value is MillraceError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
}

/** The wire form of an error between threads and processes. JSON-safe. */
export interface EncodedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack?: string;
  readonly cause?: EncodedError;
}

const maxCauses = 8;

export function encodeError(thrown: unknown, code: ErrorCode = 'INTERNAL', depth = 0): EncodedError {
  const error = MillraceError.from(thrown, code);
  // A wrapped foreign error carries the stack that a reader wants; our own wrapper's stack says nothing.
  const stack = isMillraceError(thrown) ? error.stack : thrown instanceof Error ? thrown.stack : undefined;
  const cause = isMillraceError(thrown) && error.cause !== undefined && depth < maxCauses ? encodeError(error.cause, code, depth + 1) : undefined;
  return {
    code: error.code,
    message: error.message,
    details: error.details,
    ...(stack === undefined ? {} : { stack }),
    ...(cause === undefined ? {} : { cause }),
  };
}

export function decodeError(encoded: EncodedError): MillraceError {
  const known = Object.hasOwn(errorCodes, encoded.code) ? encoded.code : 'INTERNAL';
  const error = new MillraceError(known, encoded.message, {
    details: encoded.details,
    ...(encoded.cause === undefined ? {} : { cause: decodeError(encoded.cause) }),
  });
  if (encoded.stack !== undefined) error.stack = encoded.stack;
  return error;
}

/** Operating-system errors under the code that names their fix. */
export function fromSystemError(thrown: unknown, what: string, path?: string): MillraceError {
  if (isMillraceError(thrown)) return thrown;
  const errno = (thrown as NodeJS.ErrnoException | null)?.code;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const where = path === undefined ? what : `${what} ${path}`;
  const details = { errno, path };
  switch (errno) {
    case 'ENOENT':
      return new MillraceError('FILE_NOT_FOUND', `${where}: no such file or directory; check the path`, { details, cause: thrown });
    case 'ENOSPC':
    case 'EDQUOT':
      return new MillraceError('DISK_FULL', `${where}: no space left; free some or choose another directory`, { details, cause: thrown });
    case 'EADDRINUSE':
      return new MillraceError('PORT_IN_USE', `${where}: the address is in use; stop the other program or choose another port`, { details, cause: thrown });
    default:
      return new MillraceError('IO_FAILED', `${where}: ${text}`, { details, cause: thrown });
  }
}
