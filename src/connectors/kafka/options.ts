import { z } from 'zod';

export type KafkaSasl =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> };

export interface KafkaTls {
  /** PEM of the certificates to trust; default: those of Node. */
  readonly ca?: string;
  /** PEM of the client's certificate and key, where the brokers ask for one. */
  readonly cert?: string;
  readonly key?: string;
  /** Name in the brokers' certificate; default: the host of each. */
  readonly serverName?: string;
}

/** How the cluster is reached. */
export interface KafkaConnectionOptions {
  /** Some of the brokers, host:port. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs and quotas. Default 'millrace'. */
  readonly clientId?: string;
  /** true: TLS with Node's certificates. Default false. */
  readonly tls?: boolean | KafkaTls;
  readonly sasl?: KafkaSasl;
  /** A broker that does not answer a request for this long counts as lost, in ms. Default 30000. */
  readonly requestTimeoutMs?: number;
  /** How long the brokers and topics are waited for when a job starts, in ms. Default 15000. */
  readonly startTimeoutMs?: number;
  /** How long the brokers may be out of reach before the job fails, in ms. Default 120000. */
  readonly unreachableMs?: number;
}

const address = z.string().regex(/^[^\s:,]+:\d{1,5}$/, 'must be host:port');

export const kafkaConnectionFields = {
  brokers: z.array(address).min(1),
  clientId: z.string().min(1).default('millrace'),
  tls: z
    .union([
      z.boolean(),
      z.strictObject({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional(), serverName: z.string().optional() }),
    ])
    .default(false),
  sasl: z
    .union([
      z.strictObject({ mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']), username: z.string(), password: z.string() }),
      z.strictObject({ mechanism: z.literal('oauthbearer'), token: z.custom<() => Promise<string>>((fn) => typeof fn === 'function', 'must be a function') }),
    ])
    .optional(),
  requestTimeoutMs: z.number().int().positive().default(30_000),
  startTimeoutMs: z.number().int().positive().default(15_000),
  unreachableMs: z.number().int().positive().default(120_000),
};

export const kafkaConnectionOptions = z.strictObject(kafkaConnectionFields);

export type ResolvedKafkaConnection = Readonly<z.output<typeof kafkaConnectionOptions>>;

export const topicName = z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must be a topic name: 1 to 249 letters, digits or . _ -');

/** What is needed to make a client; the implementation is loaded when a job starts. */
export interface ConnectOptions {
  readonly connection: ResolvedKafkaConnection;
  readonly readCommitted: boolean;
  /** Waits for brokers and topics for as long as a running job would: after a restore. */
  readonly isRestored: boolean;
  readonly log: (message: string) => void;
}

export type Connect = (options: ConnectOptions) => Promise<import('./client.js').KafkaClient>;

export const connectKafka: Connect = async (options) => {
  const { KafkajsClient } = await import('./kafkajs/kafkajs-client.js');
  return KafkajsClient.connect(options);
};
