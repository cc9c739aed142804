import type { DeadLetter, SinkConnector } from '../../stream/connector.js';
import { kafkaSink, type KafkaSinkOptions } from './kafka-sink.js';
import type { KafkaHeader } from './client.js';
import { decodeHeaders } from './record-fields.js';

export type KafkaDeadLettersOptions = Omit<KafkaSinkOptions<DeadLetter>, 'key' | 'format' | 'headers' | 'partition' | 'timestamp'>;

/** Headers that say where a dead letter came from and why; those of the record itself come before them. */
export const letterHeaders = {
  /** Topic to replay it to; only where it came from one. */
  topic: 'millrace-topic',
  source: 'millrace-source',
  position: 'millrace-position',
  code: 'millrace-code',
  cause: 'millrace-cause',
} as const;

export const isLetterHeader = ({ name }: KafkaHeader): boolean => (Object.values(letterHeaders) as string[]).includes(name);

/**
 * Writes dead letters to a topic, each as the record that it was: `stream.deadLetters.to(kafkaDeadLetters({ brokers, topic }))`.
 *
 * Key, value and headers are the original's, byte for byte where the source has records of bytes; headers `millrace-...`
 * add source, position, code and cause. `millrace dead-letters replay` sends them back.
 */
export function kafkaDeadLetters(options: KafkaDeadLettersOptions): SinkConnector<DeadLetter> {
  const sink = kafkaSink<DeadLetter>({
    ...options,
    key: (letter) => letter.key,
    format: { encode: (letter) => (letter.headers === null ? textBytes(letter.record) : letter.value) },
    headers: headersOf,
  });
  return { ...sink, name: 'kafka dead letters' };
}

function headersOf({ headers, source, position, code, cause }: DeadLetter): KafkaHeader[] {
  const add = (name: string, text: string): KafkaHeader => ({ name, value: Buffer.from(text) });
  return [
    ...(headers === null ? [] : decodeHeaders(headers)),
    // A Kafka source gives '<operator>: <topic>', and topics have no colon.
    ...(headers === null ? [] : [add(letterHeaders.topic, source.slice(source.lastIndexOf(': ') + 2))]),
    add(letterHeaders.source, source),
    add(letterHeaders.position, position),
    add(letterHeaders.code, code),
    add(letterHeaders.cause, cause),
  ];
}

/** The bytes that recordText made text of. */
function textBytes(record: string): Uint8Array {
  return record.startsWith('base64:') ? Buffer.from(record.slice('base64:'.length), 'base64') : Buffer.from(record);
}
