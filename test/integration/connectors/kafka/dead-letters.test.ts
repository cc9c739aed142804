import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, before, describe } from 'node:test';
import { runProgram } from '../../../../src/cli/program.js';
import { kafkaDeadLetters } from '../../../../src/connectors/index.js';
import { deadLetterSchema, noOriginal } from '../../../../src/stream/connector.js';
import { KafkaBroker } from '../../../kafka/kafka-broker.js';
import { hasKafka, kafkaTest } from '../../../kafka/kafka-test.js';
import { produce } from '../../../kafka/produce.js';
import { missingKcat, readTopic } from '../../../kafka/read-topic.js';
import { writeAll } from '../../../unit/connectors/harness.js';
import { startJob } from '../../engines/embedded/support/start.js';

const noKcat = await missingKcat();

async function millrace(...argv: string[]): Promise<{ readonly exit: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
  const exit = await runProgram(argv, { stdout: stdout as never, stderr: stderr as never });
  return { exit, stdout: text(stdout), stderr: text(stderr) };
}

describe('dead letters in Kafka', () => {
  let broker: KafkaBroker;
  before(async () => {
    if (hasKafka) broker = await KafkaBroker.start();
  });
  after(async () => {
    if (hasKafka) await broker.close();
  });

  kafkaTest(
    'a letter is the record that it was, with where and why beside it; the command line lists letters and sends each back once',
    async () => {
      for (const topic of ['orders', 'letters']) await broker.createTopic(topic, 2);
      const bad = [
        { key: 'a', value: Buffer.from([0xff, 0x00]), headers: { trace: 't1' } },
        { key: null, value: '{"id":"x","name":"y"}' },
        { key: 'c', value: null },
      ];
      await produce(broker, 'orders', [{ key: 'ok', value: '{"id":1,"name":"fine"}' }, ...bad]);
      await (
        await startJob('../../../connectors/kafka/support/letters-job.js', { broker: broker.address, topic: 'orders', letters: 'letters' })
      ).job.finished;

      const stored = await readTopic(broker, 'letters');
      assert.deepEqual(stored.map(({ key }) => key).sort(), ['a', 'c', null].sort());
      const first = stored.find(({ key }) => key === 'a');
      const headers = first?.headers ?? [];
      assert.deepEqual(headers.slice(0, 4), ['trace', 't1', 'millrace-topic', 'orders']);
      assert.match(
        headers.join(),
        /millrace-source,kafka: orders,millrace-position,partition \d, offset \d,millrace-code,RECORD_MALFORMED,millrace-cause,not valid UTF-8/,
      );

      const flags = ['letters', '-b', broker.address];
      const listed = await millrace('dead-letters', 'list', ...flags, '--json');
      assert.equal(listed.exit, 0, listed.stderr);
      const letters = JSON.parse(listed.stdout) as { key: string | null; value: string | null; headers: unknown; origin: string; code: string }[];
      assert.equal(letters.length, 3);
      assert.deepEqual(letters.find(({ key }) => key === Buffer.from('a').toString('base64'))?.value, Buffer.from([0xff, 0x00]).toString('base64'));
      assert.match(
        (await millrace('dead-letters', 'list', ...flags)).stdout,
        /RECORD_MALFORMED {2}kafka: orders, partition \d, offset \d: column 'id': "x" is no int32/,
      );

      const part = await millrace('dead-letters', 'replay', ...flags, '--limit', '1');
      assert.deepEqual([part.exit, part.stdout], [0, '1 replayed\n'], part.stderr);
      assert.equal((await millrace('dead-letters', 'replay', ...flags)).stdout, '2 replayed\n');
      assert.equal((await millrace('dead-letters', 'replay', ...flags)).stdout, '0 replayed\n');
      const orders = await readTopic(broker, 'orders');
      assert.equal(orders.length, 7);
      const twice = orders.filter(({ key }) => key === 'a');
      assert.deepEqual(
        twice.map((each) => each.headers),
        [
          ['trace', 't1'],
          ['trace', 't1'],
        ],
      );
      assert.equal(twice[0]?.payload, twice[1]?.payload);
    },
    noKcat,
  );

  kafkaTest(
    'a letter that came from no topic needs one to go to',
    async () => {
      for (const topic of ['others', 'target']) await broker.createTopic(topic);
      const letter = { source: 'files: in.csv', position: 'line 3', code: 'RECORD_MALFORMED', cause: 'no number', record: 'a,b', ...noOriginal };
      const binary = { ...letter, record: `base64:${Buffer.from([1, 2]).toString('base64')}`, code: 'RECORD_TOO_LARGE' };
      await writeAll(kafkaDeadLetters({ brokers: [broker.address], topic: 'others' }), deadLetterSchema, [letter, binary]);
      const refused = await millrace('dead-letters', 'replay', 'others', '-b', broker.address);
      assert.equal(refused.exit, 7);
      assert.match(refused.stderr, /did not come from a topic; say where to with --to/);
      const replayed = await millrace('dead-letters', 'replay', 'others', '-b', broker.address, '--to', 'target', '--code', 'RECORD_MALFORMED', '--json');
      assert.deepEqual(JSON.parse(replayed.stdout), { replayed: 1, passedOver: 1 });
      assert.deepEqual(
        (await readTopic(broker, 'target')).map(({ payload }) => payload),
        ['a,b'],
      );
    },
    noKcat,
  );
});
