import type { ErrorCode } from '../../core/index.js';

const lasting: ReadonlySet<ErrorCode> = new Set([
  'OPTION_INVALID',
  'PARAM_INVALID',
  'JOB_NOT_LOADED',
  'UNSUPPORTED',
  'GRAPH_INVALID',
  'GRAPH_DIFFERS',
  'STATE_MISMATCH',
  'SCHEMA_MISMATCH',
  'SHAPE_MISMATCH',
  'STATE_INVALID',
  'SETUP_NEEDED',
  'VERSION_MISMATCH',
  'PLATFORM_UNSUPPORTED',
  'MODEL_INVALID',
  'JOB_FENCED',
  'CANCELLED',
]);

/** True of a failure that another attempt cannot mend: the job, its options or its state are wrong, or somebody else runs it now. */
export function isLasting(code: ErrorCode): boolean {
  return lasting.has(code);
}
