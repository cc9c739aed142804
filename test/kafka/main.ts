/** `node dist/test/kafka/main.js [--port 9092] [--version 3.9.1|4.1.0]`: a real Kafka broker until Ctrl-C. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { KafkaBroker } from './kafka-broker.js';
import { missingForKafka, type KafkaVersion } from './kafka-jars.js';

const { values } = parseArgs({ options: { port: { type: 'string' }, version: { type: 'string', default: '3.9.1' } } });
if (!['3.9.1', '4.1.0'].includes(values.version)) throw new Error(`no version ${values.version}; there are 3.9.1 and 4.1.0`);
const missing = await missingForKafka();
if (missing !== undefined) {
  console.error(missing);
  process.exit(6);
}
const broker = await KafkaBroker.start({ version: values.version as KafkaVersion, ...(values.port === undefined ? {} : { port: Number(values.port) }) });
console.log(broker.address);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await broker.close();
