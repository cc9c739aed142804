import { errorCodes, type ErrorCode } from '../../core/error-codes.js';
import { decodeError, MillraceError, type EncodedError } from '../../core/errors.js';

/** The bridge puts an error of ours into the text of its exception, on a line of its own. */
const marker = /(?:^|\s)MILLRACE (\{.*\})\s*$/m;

/** What came first in an exception of Flink's: an error of ours, or the root cause of Flink's own. */
export function failureOf(stackTrace: string, what: string): MillraceError {
  return markedError(stackTrace) ?? foreignError(stackTrace, what);
}

function markedError(text: string): MillraceError | undefined {
  const found = marker.exec(text)?.[1];
  if (found === undefined) return undefined;
  try {
    return decodeError(JSON.parse(found) as EncodedError);
  } catch {
    // Cut off by a limit of Flink's: its text is still there.
    return undefined;
  }
}

interface RootCause {
  /** Without its package. */
  readonly name: string;
  readonly message: string;
}

/** The innermost cause of a Java stack trace. */
export function rootCause(stackTrace: string): RootCause {
  const lines = stackTrace.split('\n').map((line) => line.trim());
  const isFrame = (line: string): boolean => /^(at |\.\.\. \d+ (more|common frames)|Suppressed:|End of exception)/.test(line);
  const heads = lines.flatMap((line, i) => (/^Caused by: /.test(line) || i === 0 ? [i] : []));
  const at = heads.at(-1) ?? 0;
  const text: string[] = [];
  for (const line of lines.slice(at)) {
    if (isFrame(line) || (text.length > 0 && line.startsWith('Caused by: '))) break;
    text.push(line);
  }
  const whole = text
    .join(' ')
    .replace(/^Caused by: /, '')
    .replace(/^<?Exception on server side:\s*/, '')
    .trim();
  const [, name, message] = /^((?:[\w$]+\.)+[\w$]+)(?::\s*([\s\S]*))?$/.exec(whole) ?? [];
  if (name === undefined) return { name: '', message: whole };
  return { name: (name.split('.').at(-1) as string).replace(/^.*\$/, ''), message: message ?? '' };
}

/** The bridge names a code of ours also where nobody can decode the rest. */
function codedError(message: string): MillraceError | undefined {
  const [, code, text] = /^\[([A-Z_]+)\] ([\s\S]*)$/.exec(message) ?? [];
  return code !== undefined && Object.hasOwn(errorCodes, code) ? new MillraceError(code as ErrorCode, text as string) : undefined;
}

function foreignError(stackTrace: string, what: string): MillraceError {
  const { name, message } = rootCause(stackTrace);
  const coded = codedError(message);
  if (coded !== undefined) return coded;
  const text = [name, message].filter((part) => part !== '').join(': ') || 'no reason given';
  const details = { exception: name };
  if (name === 'UnavailableDispatcherOperationException') return new MillraceError('UNAVAILABLE', `${what}: ${text}`, { details });
  if (name === 'UnsupportedClassVersionError')
    return new MillraceError('UNSUPPORTED', `${what}: Flink runs on an older Java than the bridge needs, which is 17 (${text})`, { details });
  if (/NoResourceAvailable|Could not acquire the minimum required resources/.test(stackTrace))
    return new MillraceError('RESOURCE_EXHAUSTED', `${what}: Flink has too few free slots (${text}); add TaskManagers or slots, or lower the parallelism`, {
      details,
    });
  if (/TaskManager .*(no longer reachable|timed out|is lost)|RemoteTransportException|TaskManagerLost|JobManager.*disconnect/.test(`${name} ${message}`))
    return new MillraceError('NODE_LOST', `${what}: a TaskManager was lost: ${text}`, { details });
  if (/IllegalStateException|StateMigration|RestoreMode/.test(name) && /savepoint|checkpoint/i.test(message))
    return new MillraceError('STATE_MISMATCH', `${what}: ${text}`, { details });
  return new MillraceError('FLINK', `${what}: ${text}`, { details });
}

/** Whether this is what Flink says of a job that got no slots. */
export function isWithoutSlots({ code, details }: MillraceError): boolean {
  return code === 'RESOURCE_EXHAUSTED' && details['exception'] !== undefined;
}

/** An answer of REST that is no success. */
export function refusalOf(status: number, body: string, what: string): MillraceError {
  const errors = errorsOf(body);
  if (status === 502 || status === 503 || status === 504)
    return new MillraceError('UNAVAILABLE', `${what}: ${errors[0] ?? `status ${status}`}; its JobManager may still be starting`, { details: { status } });
  if (status === 401 || status === 403)
    return new MillraceError(
      'FLINK',
      `${what}: status ${status}: it wants a user and a password, or others; they go into the address, as in https://user:password@host:8081`,
      { details: { status } },
    );
  if (errors.length === 0)
    return new MillraceError('PROTOCOL', `${what}: status ${status}, and not as Flink's REST answers; check the address`, { details: { status } });
  const stackTrace = errors.find((error) => error.includes('\n\tat ')) ?? errors.at(-1) ?? '';
  const found = failureOf(stackTrace.replace(/^<Exception on server side:\s*/, ''), what);
  if (status === 404 && found.code === 'FLINK') return new MillraceError('JOB_NOT_FOUND', found.message, { details: { status } });
  return found;
}

function errorsOf(body: string): readonly string[] {
  try {
    const { errors } = JSON.parse(body) as { readonly errors?: unknown };
    return Array.isArray(errors) ? errors.map(String) : [];
  } catch {
    return [];
  }
}
