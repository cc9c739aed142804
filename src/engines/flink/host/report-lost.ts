import { encodeError, type MillraceError } from '../../../core/errors.js';
import { Link } from './link.js';
import { linkKind } from './wire.js';

/**
 * Tells Java of a subtask whose thread ended before it had connected. Where it had, the socket is not listened on any more: that
 * the connection has ended told Java already.
 */
export async function reportLost(path: string, error: MillraceError): Promise<void> {
  const link = new Link(path, { frame: ({ release }) => release(), room: () => undefined, closed: () => undefined });
  link.sendJson({ kind: linkKind.error }, { ...encodeError(error), retryable: error.retryable });
  await link.end();
}
