import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { kafkaSource, type KafkaConnectionOptions } from '../../../../src/connectors/index.js';
import { isMillraceError } from '../../../../src/core/errors.js';
import { brokerUser, KafkaBroker } from '../../../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../../../kafka/kafka-test.js';
import { produce } from '../../../kafka/produce.js';
import { runSource } from '../../../unit/connectors/harness.js';
import { row } from './support/kafka-job.js';

describe('Kafka over TLS with SASL', () => {
  let broker: KafkaBroker;
  before(async () => {
    if (!hasKafka) return;
    broker = await KafkaBroker.start({ secured: true });
    await broker.createTopic('secret');
    await produce(broker, 'secret', [{ value: '{"id":1,"name":"one"}' }]);
  });
  after(async () => {
    if (hasKafka) await broker.close();
  });

  const read = async (connection: Omit<KafkaConnectionOptions, 'brokers'>): Promise<unknown[]> =>
    (await runSource(kafkaSource({ brokers: [broker.securedAddress], topics: ['secret'], until: 'latest', startTimeoutMs: 3000, ...connection }, row))).rows;
  const tls = (): { readonly ca: string } => ({ ca: broker.certificate });

  for (const mechanism of ['plain', 'scram-sha-256'] as const) {
    kafkaTest(`reads as a user by ${mechanism}`, async () => {
      assert.deepEqual(await read({ tls: tls(), sasl: { mechanism, ...brokerUser } }), [{ id: 1, name: 'one' }]);
    });

    kafkaTest(`says so at once where the password is wrong (${mechanism})`, async () => {
      const startedAt = Date.now();
      await assert.rejects(read({ tls: tls(), sasl: { mechanism, ...brokerUser, password: 'wrong' } }), (error: unknown) => {
        assert.ok(isMillraceError(error) && error.code === 'KAFKA', String(error));
        assert.match(error.message, /^Kafka at localhost:\d+: .*(Authentication failed|invalid credentials)/);
        return true;
      });
      assert.ok(Date.now() - startedAt < 20_000);
    });
  }

  kafkaTest('says so where the certificate is not trusted', async () => {
    await assert.rejects(read({ tls: true, sasl: { mechanism: 'plain', ...brokerUser } }), (error: unknown) => {
      assert.ok(isMillraceError(error) && error.code === 'KAFKA', String(error));
      assert.match(error.message, /self-signed certificate/);
      return true;
    });
  });
});
