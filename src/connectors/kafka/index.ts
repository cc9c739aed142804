export { kafkaDeadLetters, type KafkaDeadLettersOptions } from './dead-letter-topic.js';
export { kafkaSink, type KafkaSinkOptions } from './kafka-sink.js';
export { kafkaSource, type KafkaSourceOptions, type KafkaStart } from './kafka-source.js';
export type { KafkaConnectionOptions, KafkaSasl, KafkaTls } from './options.js';
export type { KafkaHeader } from './client.js';
export type { KafkaBytes } from './record-maker.js';
export type { KafkaFormat, KafkaRecord } from './record-decoder.js';
export type { KafkaField, KafkaFields } from './record-fields.js';
