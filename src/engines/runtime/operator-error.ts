import { MillraceError, type ErrorCode } from '../../core/index.js';
import { isMillraceError } from '../../core/errors.js';
import type { OperatorNode } from '../../stream/graph.js';

/** An error with the operator and subtask that it came from; its code is kept, a foreign error becomes USER_FUNCTION. */
export function operatorError(thrown: unknown, node: OperatorNode, index: number, parallelism: number, code: ErrorCode = 'USER_FUNCTION'): MillraceError {
  const inner = MillraceError.from(thrown, code);
  const place = parallelism === 1 ? node.name : `${node.name} (subtask ${index + 1} of ${parallelism})`;
  // Operators that name themselves are not named twice.
  const said = [place, node.name].find((name) => inner.message.startsWith(`${name}: `));
  const text = said === undefined ? inner.message : inner.message.slice(said.length + 2);
  const message = `${place}: ${text}`;
  const cause = isMillraceError(thrown) ? thrown.cause : thrown;
  const error = new MillraceError(inner.code, message, {
    details: { ...inner.details, operator: node.name, uid: node.uid, subtask: index, parallelism },
    ...(cause === undefined ? {} : { cause }),
  });
  // The stack that a reader wants is that of the function that threw, not of this wrapping.
  const { stack } = thrown instanceof Error ? thrown : inner;
  if (stack !== undefined) error.stack = stack.replace(inner.message, message);
  return error;
}
