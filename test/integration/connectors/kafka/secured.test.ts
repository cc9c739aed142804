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

  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
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

  kafkaTest('reads with a token by oauthbearer, fetched anew for every connection', async () => {
    let fetched = 0;
    const token = (): Promise<string> => {
      fetched++;
      return Promise.resolve(unsignedToken({ sub: brokerUser.username, iat: now(), exp: now() + 300 }));
    };
    assert.deepEqual(await read({ tls: tls(), sasl: { mechanism: 'oauthbearer', token } }), [{ id: 1, name: 'one' }]);
    assert.ok(fetched > 1, `${fetched} tokens`);
  });

  kafkaTest('says so at once where the token has expired', async () => {
    const token = (): Promise<string> => Promise.resolve(unsignedToken({ sub: brokerUser.username, iat: now() - 600, exp: now() - 300 }));
    await assert.rejects(read({ tls: tls(), sasl: { mechanism: 'oauthbearer', token } }), (error: unknown) => {
      assert.ok(isMillraceError(error) && error.code === 'KAFKA', String(error));
      assert.match(error.message, /the brokers did not accept the token of sasl \(oauthbearer\)/);
      return true;
    });
  });

  kafkaTest('says so at once where no token can be had', async () => {
    const token = (): Promise<string> => Promise.reject(new Error('the identity provider is closed today'));
    await assert.rejects(read({ tls: tls(), sasl: { mechanism: 'oauthbearer', token } }), (error: unknown) => {
      assert.ok(isMillraceError(error) && error.code === 'KAFKA', String(error));
      assert.match(error.message, /the identity provider is closed today/);
      return true;
    });
  });

  kafkaTest('says so where the certificate is not trusted', async () => {
    await assert.rejects(read({ tls: true, sasl: { mechanism: 'plain', ...brokerUser } }), (error: unknown) => {
      assert.ok(isMillraceError(error) && error.code === 'KAFKA', String(error));
      assert.match(error.message, /self-signed certificate/);
      return true;
    });
  });
});

const now = (): number => Math.floor(Date.now() / 1000);

/** A JSON Web Token without a signature (RFC 7515, unsecured JWS), which a broker takes that has no validator of its own. */
function unsignedToken(claims: Readonly<Record<string, unknown>>): string {
  const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode(claims)}.`;
}
