import { createRequire } from 'node:module';
import { MillraceError } from '../../../core/errors.js';

/** What a broker answered, by its number in Kafka's protocol. */
export class ProtocolError extends Error {
  constructor(
    readonly code: number,
    what: string,
  ) {
    super(`${what}: ${nameOf(code)}`);
  }
}

/** Numbers of the answers that are told apart here. */
export const answers = {
  offsetOutOfRange: 1,
  unknownTopic: 3,
  recordTooLarge: 10,
  batchTooLarge: 18,
  illegalSaslState: 34,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  staleEpoch: 47,
  invalidTransactionState: 48,
  unknownProducerMapping: 49,
  unknownProducer: 59,
  producerFenced: 90,
} as const;

/** Leaders and coordinators on their way, replicas behind, transactions being completed. */
const passing: ReadonlySet<number> = new Set([3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 72, 74, 75, 78, 88]);

const passingNames: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSLockTimeout',
  'KafkaJSBrokerNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
]);

interface Listed {
  readonly code: number;
  readonly type: string;
  readonly message: string;
}

let listed: ReadonlyMap<number, Listed> | undefined;

/** 'TOPIC_AUTHORIZATION_FAILED (29), Not authorized to access topics' */
export function nameOf(code: number): string {
  const { errorCodes } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as { readonly errorCodes: readonly Listed[] };
  listed ??= new Map(errorCodes.map((entry) => [entry.code, entry]));
  const entry = listed.get(code);
  if (entry !== undefined) return `${entry.type} (${code}), ${entry.message}`;
  return code === answers.producerFenced ? `PRODUCER_FENCED (${code})` : `error ${code}`;
}

/** The error that kafkajs wrapped: it turns whatever ends its own attempts into one that "cannot be retried". */
export function innermost(thrown: unknown): unknown {
  let error = thrown;
  while (error instanceof Error && /^KafkaJS(NonRetriableError|NumberOfRetriesExceeded)$/.test(error.name) && error.cause instanceof Error) error = error.cause;
  return error;
}

/** The broker's number in an error, of ours or of kafkajs. */
export function codeOf(thrown: unknown): number | undefined {
  const { code } = innermost(thrown) as { readonly code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** True where the same request may succeed a little later. */
export function isPassing(thrown: unknown): boolean {
  const error = innermost(thrown);
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'number') return passing.has(code);
  // A certificate that is not trusted will not be in a second either.
  if (typeof code === 'string' && /CERT|ERR_TLS|ERR_SSL|SELF_SIGNED|ALTNAME/.test(code)) return false;
  return passingNames.has(error.name) || error.message === 'the connection to Kafka was closed';
}

/** An error that ends the job, in our words. */
export function kafkaError(thrown: unknown, what: string): MillraceError {
  const error = innermost(thrown);
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === answers.recordTooLarge || code === answers.batchTooLarge) {
    return new MillraceError('RECORD_TOO_LARGE', `${what}: the broker takes no record of this size (${text}); raise max.message.bytes of the topic`, {
      cause: thrown,
    });
  }
  if (code === answers.illegalSaslState) {
    // kafkajs takes the first answer to a token for a yes, and goes on as if it were let in.
    return new MillraceError('KAFKA', `${what}: the brokers did not accept the token of sasl (oauthbearer): ${text}`, { cause: thrown });
  }
  if (isFenced(error)) {
    return new MillraceError('JOB_FENCED', `${what}: another start of this job has taken over (${text})`, { cause: thrown });
  }
  return MillraceError.from(error, 'KAFKA', what);
}

export function isFenced(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === answers.staleEpoch || code === answers.producerFenced;
}
