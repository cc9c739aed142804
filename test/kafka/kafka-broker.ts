import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { freePorts } from '../jvm/free-ports.js';
import { JavaProcess } from '../jvm/java-process.js';
import { kafkaJars, type KafkaVersion } from './kafka-jars.js';
import { makeTlsFiles, type TlsFiles } from './tls-files.js';

const run = promisify(execFile);
/** A few seconds; a machine that compiles and tests beside it takes a minute and more. */
const startTimeoutMs = 180_000;
const stopTimeoutMs = 30_000;
const pollMs = 100;

export interface KafkaBrokerOptions {
  readonly version?: KafkaVersion;
  /** Adds a SASL_SSL listener with user alice, password alice-secret (PLAIN, SCRAM), and OAUTHBEARER with unsigned tokens. */
  readonly secured?: boolean;
  /** Adds a listener that clients are told to reach at this port of loopback: that of a {@link Relay}. */
  readonly relayedAt?: number;
  /** A broker of the same cluster that is its controller; default: a cluster of its own. */
  readonly joins?: KafkaBroker;
  /** More lines for server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Fixed port of the plain listener; default: a free one. */
  readonly port?: number;
}

export const brokerUser = { username: 'alice', password: 'alice-secret' } as const;

let nodes = 0;

/**
 * A real Apache Kafka in KRaft mode, broker and (unless it joins another one) controller in one: on free ports of loopback,
 * with its data in a temporary folder that close() removes. stop, kill -9 and start again keep ports and data.
 */
export class KafkaBroker {
  readonly #version: KafkaVersion;
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  readonly #options: KafkaBrokerOptions;
  readonly #nodeId = ++nodes;
  #ports!: { readonly plain: number; readonly controller: number; readonly secured: number; readonly relayed: number };
  #jars!: string;
  #java: JavaProcess | undefined;
  #tls: TlsFiles | undefined;

  private constructor(options: KafkaBrokerOptions) {
    this.#version = options.version ?? '3.9.1';
    this.#options = options;
  }

  /** Starts a broker; it answers when this resolves. */
  static async start(options: KafkaBrokerOptions = {}): Promise<KafkaBroker> {
    const broker = new KafkaBroker(options);
    try {
      await broker.#prepare();
      await broker.start();
      return broker;
    } catch (thrown) {
      await broker.close();
      throw thrown;
    }
  }

  get version(): KafkaVersion {
    return this.#version;
  }

  /** Address of the plain listener. */
  get address(): string {
    return `127.0.0.1:${this.#ports.plain}`;
  }

  /** Address of the SASL_SSL listener. */
  get securedAddress(): string {
    return `localhost:${this.#ports.secured}`;
  }

  /** Port of the listener behind the relay. */
  get relayedPort(): number {
    return this.#ports.relayed;
  }

  /** Number of the node, as metadata names it. */
  get nodeId(): number {
    return this.#nodeId;
  }

  /** PEM of the certificate of the SASL_SSL listener. */
  get certificate(): string {
    if (this.#tls === undefined) throw new Error('start the broker with { secured: true }');
    return this.#tls.certificate;
  }

  async start(): Promise<void> {
    const flags = ['-Xmx512m', '-XX:+UseSerialGC', `-Dlog4j.configuration=file:${join(this.#folder, 'log4j.properties')}`, '-Dlog4j2.level=ERROR'];
    const java = await JavaProcess.start({
      arguments: [...flags, '-cp', join(this.#jars, '*'), 'kafka.Kafka', this.#propertiesFile],
      log: join(this.#folder, 'broker.log'),
    });
    this.#java = java;
    await this.#untilReady(java);
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#java?.end('SIGTERM');
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#java?.end('SIGKILL');
  }

  /** Freezes the process: connections stay, nothing answers. */
  pause(): void {
    this.#java?.signal('SIGSTOP');
  }

  /** Thaws it; its controller has given it up meanwhile, and it answers again when this resolves. */
  async resume(): Promise<void> {
    if (this.#java === undefined) return;
    this.#java.signal('SIGCONT');
    await this.#untilReady(this.#java);
  }

  /** Kills it and removes its data. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs `use` with an admin client. */
  async admin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({
      clientId: 'test-admin',
      brokers: [this.address],
      logLevel: logLevel.NOTHING,
      retry: { retries: 2, initialRetryTime: 50 },
    }).admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }

  async createTopic(topic: string, partitions = 1, configEntries: { readonly name: string; readonly value: string }[] = [], replicas = 1): Promise<void> {
    const wanted = { topic, numPartitions: partitions, replicationFactor: replicas, configEntries };
    await this.admin(async (admin) => {
      // A busy broker may answer late, and the topic is there all the same.
      const failure: unknown = await admin.createTopics({ topics: [wanted], waitForLeaders: false }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      await untilLed(admin, topic, partitions, failure);
    });
  }

  /** Makes it a topic of `count` partitions. */
  async addPartitions(topic: string, count: number): Promise<void> {
    await this.admin(async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
      await untilLed(admin, topic, count);
    });
  }

  get #propertiesFile(): string {
    return join(this.#folder, 'server.properties');
  }

  async #prepare(): Promise<void> {
    this.#jars = await kafkaJars(this.#version);
    const [plain, controller, secured, relayed] = (await freePorts(4)) as [number, number, number, number];
    this.#ports = { plain: this.#options.port ?? plain, controller, secured, relayed };
    if (this.#options.secured === true) this.#tls = await makeTlsFiles(this.#folder);
    const lines = Object.entries({ ...this.#properties(), ...this.#options.properties }).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(this.#propertiesFile, lines.join(''));
    await writeFile(
      join(this.#folder, 'log4j.properties'),
      'log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\nlog4j.appender.out.target=System.err\n' +
        'log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n',
    );
    const { username, password } = brokerUser;
    const scram = this.#tls === undefined ? [] : ['256', '512'].flatMap((bits) => ['--add-scram', `SCRAM-SHA-${bits}=[name=${username},password=${password}]`]);
    const storage = [
      '-cp',
      join(this.#jars, '*'),
      'kafka.tools.StorageTool',
      'format',
      '-t',
      'bWlsbHJhY2Uta2Fma2EtMQ',
      '-c',
      this.#propertiesFile,
      '-g',
      ...scram,
    ];
    await run('java', ['-XX:TieredStopAtLevel=1', `-Dlog4j.configuration=file:${join(this.#folder, 'log4j.properties')}`, ...storage], {
      timeout: startTimeoutMs,
    });
  }

  #properties(): Record<string, string> {
    const { plain, controller, secured, relayed } = this.#ports;
    const { joins, relayedAt } = this.#options;
    const tls = this.#tls;
    const controllerNode = joins ?? this;
    const listeners = [
      { name: 'PLAINTEXT', protocol: 'PLAINTEXT', at: `127.0.0.1:${plain}` },
      ...(tls === undefined ? [] : [{ name: 'SECURED', protocol: 'SASL_SSL', at: `localhost:${secured}` }]),
      ...(relayedAt === undefined ? [] : [{ name: 'RELAYED', protocol: 'PLAINTEXT', at: `127.0.0.1:${relayed}`, advertised: `127.0.0.1:${relayedAt}` }]),
    ];
    const internal = joins === undefined ? [`CONTROLLER://127.0.0.1:${controller}`] : [];
    return {
      'process.roles': joins === undefined ? 'broker,controller' : 'broker',
      'node.id': String(this.#nodeId),
      'controller.quorum.voters': `${controllerNode.#nodeId}@127.0.0.1:${controllerNode.#ports.controller}`,
      listeners: [...listeners.map(({ name, at }) => `${name}://${at}`), ...internal].join(','),
      'advertised.listeners': listeners.map(({ name, at, advertised }) => `${name}://${advertised ?? at}`).join(','),
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...listeners.map(({ name, protocol }) => `${name}:${protocol}`)].join(','),
      'log.dirs': join(this.#folder, 'data'),
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '4',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'transaction.state.log.num.partitions': '4',
      'group.initial.rebalance.delay.ms': '0',
      'auto.create.topics.enable': 'false',
      // After a kill -9 the controller lets the broker in again when its old session is over.
      'broker.session.timeout.ms': '2000',
      'broker.heartbeat.interval.ms': '500',
      ...(tls === undefined ? {} : securedProperties(tls)),
    };
  }

  async #untilReady(java: JavaProcess): Promise<void> {
    const deadline = Date.now() + startTimeoutMs;
    for (;;) {
      if (!java.isRunning) throw new Error(`Kafka ended while it started:\n${java.logTail()}`);
      try {
        await this.admin(async (admin) => {
          await admin.describeCluster();
          // After a restart: a client that writes before every partition has its leader again may write twice.
          for (const topic of await admin.listTopics()) await admin.fetchTopicOffsets(topic);
        });
        return;
      } catch (thrown) {
        await setTimeout(pollMs);
        if (Date.now() > deadline) throw new Error(`Kafka does not answer after ${startTimeoutMs} ms:\n${java.logTail()}`, { cause: thrown });
      }
    }
  }
}

/** Until each partition has its leader: a client that writes before may write twice. */
async function untilLed(admin: Admin, topic: string, count: number, cause?: unknown): Promise<void> {
  const deadline = Date.now() + stopTimeoutMs;
  for (;;) {
    const offsets = await admin.fetchTopicOffsets(topic).catch(() => []);
    if (offsets.length === count) return;
    if (Date.now() > deadline) throw new Error(`topic ${topic} has no ${count} partitions after ${stopTimeoutMs} ms`, { cause });
    await setTimeout(pollMs);
  }
}

function securedProperties(tls: TlsFiles): Record<string, string> {
  const module = 'org.apache.kafka.common.security';
  const { username, password } = brokerUser;
  return {
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': tls.keystore,
    'ssl.keystore.password': tls.password,
    'ssl.key.password': tls.password,
    'listener.name.secured.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.secured.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required user_${username}="${password}";`,
    'listener.name.secured.scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    'listener.name.secured.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
    // Without a validator of its own, Kafka takes unsigned tokens: what RFC 7515 calls an unsecured JWS.
    'listener.name.secured.oauthbearer.sasl.jaas.config': `${module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
}
