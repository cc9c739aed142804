import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../src/testing/simulation/random.js';
import { KafkaBroker } from '../kafka/kafka-broker.js';
import { withProducer } from '../kafka/produce.js';
import { readTopic } from '../kafka/read-topic.js';
import { Relay } from '../kafka/relay.js';
import type { ChaosCase } from './cases.js';
import type { Ground, Grounds, Row } from './ground.js';

const sendRecords = 2_000;
const outputs = ['predictions', 'counts', 'windows'] as const;

/**
 * One real broker for many runs, each with topics of its own. Jobs reach it through a relay; records are written and
 * judged past it, judged by kcat, which reads what is committed.
 */
export class KafkaGrounds implements Grounds {
  readonly #broker: KafkaBroker;
  readonly #relay: Relay;
  #runs = 0;

  private constructor(broker: KafkaBroker, relay: Relay) {
    this.#broker = broker;
    this.#relay = relay;
  }

  static async start(): Promise<KafkaGrounds> {
    const relay = await Relay.start();
    const broker = await KafkaBroker.start({ relayedAt: relay.port }).catch(async (thrown: unknown) => {
      await relay.close();
      throw thrown;
    });
    relay.targetPort = broker.relayedPort;
    return new KafkaGrounds(broker, relay);
  }

  async prepare({ seed, partitions, records }: ChaosCase): Promise<Ground> {
    const topics = `run-${this.#runs++}`;
    await this.#broker.createTopic(`${topics}-numbers`, partitions);
    for (const name of outputs) await this.#broker.createTopic(`${topics}-${name}`, 1 + (seed % 3));
    await this.#fill(`${topics}-numbers`, partitions, records);
    return {
      params: { broker: this.#relay.address, topics, partitions },
      diskBytes: 8 * 1024 * 1024,
      rowsOf: async (name) => (await readTopic(this.#broker, `${topics}-${name}`)).map(({ payload }) => JSON.parse(payload ?? '') as Row),
      outage: (how, ms) => this.#outage(how, ms),
    };
  }

  async close(): Promise<void> {
    await this.#broker.close();
    await this.#relay.close();
  }

  /** The same numbers whenever it is called; ordered within each partition. */
  async #fill(topic: string, partitions: number, records: number): Promise<void> {
    const random = new Random(1);
    await withProducer(this.#broker, undefined, async (producer) => {
      for (let from = 0; from < records; from += sendRecords) {
        const messages = Array.from({ length: Math.min(sendRecords, records - from) }, (_, i) => {
          const n = from + i;
          return { partition: n % partitions, value: JSON.stringify({ n, at: 1e12 + n, x: random.next() - 0.5, z: random.next() - 0.5 }) };
        });
        await producer.send({ topic, messages });
      }
    });
  }

  async #outage(how: 'kill' | 'cut' | 'freeze', ms: number): Promise<void> {
    if (how === 'kill') await this.#broker.kill();
    else if (how === 'cut') this.#relay.cut();
    else this.#broker.pause();
    try {
      await delay(ms);
    } finally {
      if (how === 'kill') await this.#broker.start();
      else if (how === 'cut') this.#relay.mend();
      else await this.#broker.resume();
    }
  }
}
