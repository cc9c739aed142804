import { z } from 'zod';
import { resolveOptions } from '../../core/options.js';

const wait = z.number().min(1);

export const flinkEngineOptions = z.strictObject({
  address: z.string().refine(isHttpUrl, 'must be the URL of REST, as in http://host:8081'),
  caFile: z.string().min(1).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
  jar: z.string().min(1),
  hostNode: z.string().min(1).default('node'),
  hostEntry: z.string().startsWith('/', 'must be an absolute path').optional(),
  hostOptions: z.array(z.string()).default([]),
  hostEnv: z.record(z.string(), z.string()).default({}),
  hostStartTimeoutMs: wait.default(60_000),
  hostCloseTimeoutMs: wait.default(5_000),
  hostLingerMs: z.number().min(0).default(10_000),
  batchRows: z
    .int()
    .min(1)
    .max(1 << 20)
    .default(1024),
  flushIntervalMs: z.number().min(0).max(10_000).default(5),
  checkpointDirectory: z.string().min(1).optional(),
  checkpointTimeoutMs: wait.default(600_000),
  checkpointRetain: z.int().min(1).optional(),
  savepointTimeoutMs: wait.default(600_000),
  restoreFrom: z.string().min(1).optional(),
  allowDroppedState: z.boolean().default(false),
  reports: z.boolean().default(true),
  reportsHost: z.string().min(1).optional(),
  configuration: z.record(z.string(), z.string()).default({}),
  requestTimeoutMs: wait.default(10_000),
  submitTimeoutMs: wait.default(120_000),
  slotTimeoutMs: wait.default(60_000),
  cancelTimeoutMs: wait.default(60_000),
  unreachableMs: wait.default(120_000),
  pollIntervalMs: z.number().min(10).max(60_000).default(1_000),
});

/**
 * | option                | default             | meaning                                                                                  |
 * |-----------------------|---------------------|------------------------------------------------------------------------------------------|
 * | `address`             | required            | URL of the cluster's REST, may hold user:password@                                        |
 * | `caFile`              | Node's authorities  | PEM of the authorities that may have signed the certificate of an https:// address        |
 * | `certFile`, `keyFile` | none                | PEM of our own certificate and its key, where REST asks for one                           |
 * | `jar`                 | required            | the built bridge (see findBridgeJar)                                                      |
 * | `hostNode`            | 'node'              | Node.js on a TaskManager: a name in its PATH or an absolute path                          |
 * | `hostEntry`           | this package's      | absolute path on a TaskManager of dist/src/engines/flink/host/main.js                     |
 * | `hostOptions`         | []                  | options of Node.js there, such as --max-old-space-size=512                                |
 * | `hostEnv`             | {}                  | more environment of the host                                                              |
 * | `hostStartTimeoutMs`  | 60 s                | for a subtask to be ready                                                                 |
 * | `hostCloseTimeoutMs`  | 5 s                 | for a subtask to close before its host is killed                                          |
 * | `hostLingerMs`        | 10 s                | how long a host without subtasks waits for the next ones                                  |
 * | `batchRows`           | 1024                | rows that a hash exchange gathers for a target before it writes a batch                   |
 * | `flushIntervalMs`     | 5                   | longest time that gathered rows wait for more                                             |
 * | `checkpointDirectory` | the cluster's       | URI that JobManager and TaskManagers reach; savepoints go to `savepoints` in it            |
 * | `checkpointTimeoutMs` | 600 s               | deadline of a checkpoint                                                                  |
 * | `checkpointRetain`    | the cluster's       | newest checkpoints that are kept                                                          |
 * | `savepointTimeoutMs`  | 600 s               | deadline of a savepoint, also of one that ends the job                                     |
 * | `restoreFrom`         | none                | path of a savepoint or retained checkpoint of Flink                                       |
 * | `allowDroppedState`   | false               | leave out state of operators that are not in the graph any more                           |
 * | `reports`             | true                | let TaskManagers send what console() prints to this process                               |
 * | `reportsHost`         | 127.0.0.1 if local  | address of this machine that TaskManagers reach; where the listener of reports is bound    |
 * | `configuration`       | {}                  | options of Flink for this job, over those that Millrace sets                               |
 * | `requestTimeoutMs`    | 10 s                | deadline of one request                                                                   |
 * | `submitTimeoutMs`     | 120 s               | deadline of uploading and of starting the job                                             |
 * | `slotTimeoutMs`       | 60 s                | how long a job may wait for slots                                                         |
 * | `cancelTimeoutMs`     | 60 s                | for a job to end after it was cancelled or stopped                                        |
 * | `unreachableMs`       | 120 s               | how long the cluster may be out of reach, or without the job, while a JobManager is replaced |
 * | `pollIntervalMs`      | 1 s                 | from one look at the job to the next                                                      |
 */
export type FlinkEngineOptions = z.input<typeof flinkEngineOptions>;
export type ResolvedFlinkEngineOptions = Readonly<z.output<typeof flinkEngineOptions>>;

/** What is put into a jar; where it will run is not known. */
export const flinkJarOptions = flinkEngineOptions.omit({ address: true, caFile: true, certFile: true, keyFile: true });
export type FlinkJarOptions = z.input<typeof flinkJarOptions>;
export type ResolvedFlinkJarOptions = Readonly<z.output<typeof flinkJarOptions>>;

/** @throws OPTION_INVALID */
export function resolveFlinkJarOptions(options: FlinkJarOptions): ResolvedFlinkJarOptions {
  return resolveOptions(flinkJarOptions, options, 'flink jar');
}

const consistent = flinkEngineOptions.superRefine(({ address, caFile, certFile, keyFile }, { addIssue }) => {
  const [given] = Object.entries({ caFile, certFile, keyFile }).flatMap(([name, file]) => (file === undefined ? [] : [name]));
  if (given !== undefined && !address.startsWith('https:'))
    addIssue({ code: 'custom', path: [given], message: 'is for TLS, so the address must begin with https://' });
  if ((certFile === undefined) !== (keyFile === undefined))
    addIssue({
      code: 'custom',
      path: [certFile === undefined ? 'certFile' : 'keyFile'],
      message: 'is missing: a certificate and its key go together',
    });
});

/** @throws OPTION_INVALID */
export function resolveFlinkEngineOptions(options: FlinkEngineOptions): ResolvedFlinkEngineOptions {
  return resolveOptions(consistent, options, 'flink engine');
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
