/**
 * `node dist/test/flink/main.js [--port 8081] [--version 1.20.3|2.2.0] [--task-managers 2] [--slots 4] [--ha]`: a real Flink
 * cluster until Ctrl-C.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { flinkVersions, missingForFlink, type FlinkVersion } from './flink-jars.js';
import { LocalFlink } from './local-flink.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    version: { type: 'string', default: '2.2.0' },
    'task-managers': { type: 'string', default: '1' },
    slots: { type: 'string', default: '4' },
    ha: { type: 'boolean', default: false },
  },
});
if (!(flinkVersions as readonly string[]).includes(values.version)) throw new Error(`no version ${values.version}; there are ${flinkVersions.join(' and ')}`);
const missing = await missingForFlink();
if (missing !== undefined) {
  console.error(missing);
  process.exit(6);
}
const cluster = await LocalFlink.start({
  version: values.version as FlinkVersion,
  taskManagers: Number(values['task-managers']),
  slots: Number(values.slots),
  highAvailability: values.ha,
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
});
console.log(cluster.address);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await cluster.close();
