/**
 * The closed table of error codes.
 *
 * Each row says, once and for all, whether a retry can help, which gRPC status carries the error and which exit code
 * the command line ends with. Call sites choose a code, never a status. `docs/errors.md` lists every row, and a test
 * holds the two against each other.
 */
export interface ErrorCodeRow {
  /** True where the same call may succeed later without a change by the user. */
  readonly retryable: boolean;
  /** gRPC status name that carries the error between processes. */
  readonly grpc:
    | 'CANCELLED'
    | 'UNKNOWN'
    | 'INVALID_ARGUMENT'
    | 'DEADLINE_EXCEEDED'
    | 'NOT_FOUND'
    | 'ALREADY_EXISTS'
    | 'PERMISSION_DENIED'
    | 'RESOURCE_EXHAUSTED'
    | 'FAILED_PRECONDITION'
    | 'ABORTED'
    | 'OUT_OF_RANGE'
    | 'UNIMPLEMENTED'
    | 'INTERNAL'
    | 'UNAVAILABLE'
    | 'DATA_LOSS';
  /** Exit code of the `millrace` command. */
  readonly exit: number;
  /** One line for docs/errors.md: when it is raised and what to do. */
  readonly summary: string;
}

function row(exit: number, grpc: ErrorCodeRow['grpc'], retryable: boolean, summary: string): ErrorCodeRow {
  return Object.freeze({ exit, grpc, retryable, summary });
}

/**
 * Exit codes by family: 2 usage and configuration, 3 graph and types, 4 data, 5 user code, 6 environment (native
 * library, ports, disk), 7 cluster (nodes, heartbeats, deadlines), 8 model, 70 internal, 130 cancelled.
 */
export const errorCodes = Object.freeze({
  OPTION_INVALID: row(2, 'INVALID_ARGUMENT', false, 'An option has an unknown key, a wrong type or a value out of range.'),
  PARAM_INVALID: row(2, 'INVALID_ARGUMENT', false, 'A job parameter is missing, unknown or of the wrong type; see --set and --help of the job.'),
  JOB_NOT_LOADED: row(
    2,
    'INVALID_ARGUMENT',
    false,
    'The job file does not exist, does not compile, throws while it loads or has no default export made by defineJob.',
  ),
  JOB_NOT_FOUND: row(2, 'NOT_FOUND', false, 'No running job has this name or id.'),
  JOB_EXISTS: row(2, 'ALREADY_EXISTS', false, 'A job of this name is running already.'),
  UNSUPPORTED: row(2, 'UNIMPLEMENTED', false, 'What was asked for is not built; the message names the alternative.'),

  GRAPH_INVALID: row(3, 'INVALID_ARGUMENT', false, 'The stream graph has one or more problems; each is listed with its operator.'),
  GRAPH_DIFFERS: row(3, 'FAILED_PRECONDITION', false, 'A thread built another graph than the first one: the job is not deterministic.'),
  STATE_MISMATCH: row(3, 'FAILED_PRECONDITION', false, 'A checkpoint does not fit the graph that restores it; each operator that does not fit is listed.'),
  SCHEMA_MISMATCH: row(3, 'INVALID_ARGUMENT', false, 'A column is missing or has another type than the consumer needs.'),
  SHAPE_MISMATCH: row(3, 'INVALID_ARGUMENT', false, 'A tensor has another shape or dtype than the model or signature needs.'),

  FILE_NOT_FOUND: row(4, 'NOT_FOUND', false, 'A file or directory that a source or model needs does not exist.'),
  RECORD_MALFORMED: row(4, 'INVALID_ARGUMENT', false, 'A record could not be decoded and onBadRecord is "fail".'),
  RECORD_TOO_LARGE: row(4, 'OUT_OF_RANGE', false, 'A record or frame is larger than a channel can carry.'),
  FORMAT_INVALID: row(4, 'DATA_LOSS', false, 'A file or a message is not in the format that it claims to be.'),
  STATE_INVALID: row(4, 'DATA_LOSS', false, 'State bytes do not fit the operator that restores them.'),

  CHECKPOINT_INVALID: row(4, 'DATA_LOSS', false, 'A checkpoint is torn or damaged, or was written by a later version; the message names the file.'),
  CHECKPOINT_NOT_FOUND: row(4, 'NOT_FOUND', false, 'There is no checkpoint to restore from at the place that was given.'),

  USER_FUNCTION: row(5, 'ABORTED', false, 'A function of the job threw; the message names operator and position.'),
  NODE_ENTRY: row(5, 'ABORTED', false, 'A node entry threw or never asked for its next batch.'),

  SETUP_NEEDED: row(6, 'FAILED_PRECONDITION', false, 'The native TensorFlow library or its binding is missing; run millrace setup.'),
  VERSION_MISMATCH: row(6, 'FAILED_PRECONDITION', false, 'Another machine has another version of the package; install the same one everywhere.'),
  SETUP_FAILED: row(6, 'FAILED_PRECONDITION', false, 'millrace setup could not fetch, check or build the native part.'),
  PLATFORM_UNSUPPORTED: row(6, 'UNIMPLEMENTED', false, 'There is no TensorFlow wheel for this platform; point MILLRACE_LIBTENSORFLOW at a library.'),
  PORT_IN_USE: row(6, 'ALREADY_EXISTS', false, 'A server could not listen because its port is taken.'),
  DISK_FULL: row(6, 'RESOURCE_EXHAUSTED', true, 'A file could not be written because the disk or quota is full.'),
  IO_FAILED: row(6, 'UNAVAILABLE', true, 'The operating system refused to read or write.'),
  RESOURCE_EXHAUSTED: row(6, 'RESOURCE_EXHAUSTED', true, 'The host has too few thread slots or too little memory for the job.'),

  NODE_NOT_REGISTERED: row(7, 'DEADLINE_EXCEEDED', true, 'A node of the cluster did not register before the deadline.'),
  NODE_LOST: row(7, 'UNAVAILABLE', true, 'A node stopped sending heartbeats.'),
  NODE_FENCED: row(7, 'FAILED_PRECONDITION', false, 'A node speaks with a lease epoch that a successor has taken over.'),
  JOB_FENCED: row(7, 'FAILED_PRECONDITION', false, 'Another start of the same job has taken over its output; this one ends and is not restarted.'),
  DEADLINE_EXCEEDED: row(7, 'DEADLINE_EXCEEDED', true, 'A wait ended at its deadline; the message names what was waited for.'),
  UNAVAILABLE: row(7, 'UNAVAILABLE', true, 'A peer could not be reached.'),
  PROTOCOL: row(7, 'INTERNAL', false, 'A peer sent what the contract does not allow.'),
  KAFKA: row(
    7,
    'FAILED_PRECONDITION',
    false,
    'A Kafka broker refused what was asked: no such topic, no permission, records that are gone; its answer follows.',
  ),
  FLINK: row(7, 'FAILED_PRECONDITION', false, 'Apache Flink refused what was asked, or failed the job for a reason of its own; its root cause follows.'),
  THREAD_LOST: row(7, 'UNAVAILABLE', true, 'A thread or process of the job ended without a report.'),
  CUT_FAILED: row(7, 'ABORTED', true, 'A cut could not be taken; the message names the subtask that declined or the ones that never answered.'),

  MODEL_INVALID: row(8, 'INVALID_ARGUMENT', false, 'A model definition or SavedModel cannot be used as asked.'),
  LOSS_NOT_FINITE: row(8, 'ABORTED', false, 'The loss became NaN or infinite; the message names node, step and loss.'),
  TENSORFLOW: row(8, 'INTERNAL', false, 'TensorFlow reported an error; its text follows.'),

  CANCELLED: row(130, 'CANCELLED', false, 'The job was cancelled.'),
  INTERNAL: row(70, 'INTERNAL', false, 'A bug in Millrace; please report it with the details.'),
}) satisfies Readonly<Record<string, ErrorCodeRow>>;

export type ErrorCode = keyof typeof errorCodes;
