import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { MillraceError, decodeError, encodeError, errorCodes, type EncodedError, type ErrorCode } from '../core/index.js';

/** Trailer that carries the encoded error; the gRPC status beside it serves clients that know nothing of Millrace. */
export const errorTrailer = 'millrace-error-bin';

/** Trailers share one HTTP/2 header list with a limit of 8 KiB at common peers: stacks and long causes are cut off. */
const trailerLimitBytes = 6 * 1024;

/** An error as the status that ends a call. */
export function toStatus(thrown: unknown, code: ErrorCode = 'INTERNAL'): Partial<StatusObject> & { code: status; details: string; metadata: Metadata } {
  const encoded = encodeError(thrown, code);
  const metadata = new Metadata();
  metadata.set(errorTrailer, fitted(encoded));
  return { code: status[errorCodes[encoded.code].grpc], details: encoded.message, metadata };
}

/** The error that ended a call, as the peer threw it; a transport's own error where the peer said nothing. */
export function fromStatus(error: ServiceError | StatusObject, what: string): MillraceError {
  const sent = error.metadata?.get(errorTrailer)[0];
  if (sent !== undefined) {
    try {
      return decodeError(JSON.parse(sent.toString()) as EncodedError);
    } catch {
      // An unreadable trailer still leaves the status below.
    }
  }
  const text = `${what}: ${error.details || 'the call failed'}`;
  const details = { what, grpc: status[error.code] };
  switch (error.code) {
    case status.DEADLINE_EXCEEDED:
      return new MillraceError('DEADLINE_EXCEEDED', text, { details, cause: error });
    // Nobody here asked for it: callers that cancel a call themselves do not look at its status.
    case status.CANCELLED:
    case status.UNAVAILABLE:
      return new MillraceError('UNAVAILABLE', `${text}; the peer is gone or cannot be reached`, { details, cause: error });
    default:
      return new MillraceError('PROTOCOL', text, { details, cause: error });
  }
}

function fitted(encoded: EncodedError): Buffer {
  const forms: EncodedError[] = [encoded, withoutStacks(encoded), { code: encoded.code, message: encoded.message.slice(0, 2000), details: {} }];
  for (const form of forms) {
    const bytes = Buffer.from(JSON.stringify(form));
    if (bytes.length <= trailerLimitBytes) return bytes;
  }
  return Buffer.from(JSON.stringify({ code: encoded.code, message: encoded.message.slice(0, 1000), details: {} }));
}

function withoutStacks({ stack: _stack, cause, ...rest }: EncodedError): EncodedError {
  return cause === undefined ? rest : { ...rest, cause: withoutStacks(cause) };
}
