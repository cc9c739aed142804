import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { RestClient } from '../../src/engines/flink/rest-client.js';
import type { TlsFiles } from '../../src/engines/flink/tls-identity.js';
import { freePorts } from '../jvm/free-ports.js';
import { JavaProcess } from '../jvm/java-process.js';
import { flinkConfiguration, log4jProperties, zooKeeperProperties, type FlinkPorts } from './flink-configuration.js';
import { flinkJars, type FlinkVersion } from './flink-jars.js';

const startTimeoutMs = 120_000;
const requestTimeoutMs = 5_000;
const pollMs = 100;

export interface LocalFlinkOptions {
  /** Default '2.2.0'. */
  readonly version?: FlinkVersion;
  /** Default 1. */
  readonly taskManagers?: number;
  /** Of each TaskManager. Default 4. */
  readonly slots?: number;
  /** Jobs survive the JobManager's death: adds a ZooKeeper, which Flink itself needs for that outside Kubernetes. Default false. */
  readonly highAvailability?: boolean;
  /**
   * A TaskManager for each address of loopback, in their order: as if on machines of their own, it is reached there alone and has a
   * temporary folder of its own. Default: all on 127.0.0.1.
   */
  readonly addresses?: readonly string[];
  /** What REST asks of its clients where the configuration has `security.ssl.rest.enabled`. */
  readonly tls?: TlsFiles;
  /** More configuration, by Flink's keys. */
  readonly configuration?: Readonly<Record<string, string>>;
  /** More environment of the TaskManagers. */
  readonly env?: Readonly<Record<string, string>>;
  /** More options of each JVM, after those of a small and short-lived one: `-XX:TieredStopAtLevel=4` for one that is measured. */
  readonly jvm?: readonly string[];
  /** Port of REST and the web UI; default: a free one. */
  readonly port?: number;
}

// What Flink's own scripts open on Java 17; without java.util no jar can be run.
const opened = ['lang', 'net', 'io', 'nio', 'text', 'time', 'util', 'util.concurrent', 'util.concurrent.atomic', 'util.concurrent.locks'];
const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...opened.map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`)];

/**
 * A real Apache Flink session cluster: a JobManager and TaskManagers as processes on free ports of loopback, with all data in
 * a temporary folder that close() removes. Each of them can be killed and started again, on the same ports.
 */
export class LocalFlink {
  readonly version: FlinkVersion;
  readonly #options: LocalFlinkOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-flink-'));
  readonly #taskManagers: (JavaProcess | undefined)[] = [];
  #ports!: FlinkPorts;
  #rest!: RestClient;
  #jars!: string;
  #zooKeeper: JavaProcess | undefined;
  #jobManager: JavaProcess | undefined;

  private constructor(options: LocalFlinkOptions) {
    this.#options = options;
    this.version = options.version ?? '2.2.0';
  }

  /** Starts a cluster; all its slots are there when this resolves. */
  static async start(options: LocalFlinkOptions = {}): Promise<LocalFlink> {
    const cluster = new LocalFlink(options);
    try {
      await cluster.#prepare();
      if (options.highAvailability === true) await cluster.#startZooKeeper();
      const count = options.addresses?.length ?? options.taskManagers ?? 1;
      await Promise.all([cluster.#launchJobManager(), ...Array.from({ length: count }, (_, i) => cluster.#launchTaskManager(i))]);
      await cluster.untilSlots(count * cluster.slotsPerTaskManager);
      return cluster;
    } catch (thrown) {
      await cluster.close();
      throw thrown;
    }
  }

  /** URL of REST and of the web UI. */
  get address(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#ports.rest}`;
  }

  get slotsPerTaskManager(): number {
    return this.#options.slots ?? 4;
  }

  /** Where checkpoints, savepoints and logs are. */
  get folder(): string {
    return this.#folder;
  }

  /** Process id of a TaskManager. */
  taskManagerPid(index: number): number | undefined {
    return this.#taskManagers[index]?.pid;
  }

  /** All processes that this cluster has now, for the test that none is left. */
  get pids(): readonly number[] {
    return [this.#zooKeeper, this.#jobManager, ...this.#taskManagers].flatMap((it) => (it?.isRunning === true ? [it.pid] : []));
  }

  /** kill -9; its Node hosts see their end of file. */
  async killTaskManager(index: number): Promise<void> {
    await this.#taskManagers[index]?.end('SIGKILL');
  }

  /** Starts a TaskManager, a further one or one that was killed; its slots are there some seconds later (see {@link untilSlots}). */
  async startTaskManager(index = this.#taskManagers.length): Promise<void> {
    await this.#launchTaskManager(index);
  }

  /** kill -9; with high availability its jobs come back with the next one. */
  async killJobManager(): Promise<void> {
    await this.#jobManager?.end('SIGKILL');
  }

  async startJobManager(): Promise<void> {
    await this.#launchJobManager();
    await this.#until('JobManager', () => this.#rest.call<object>('/overview'));
  }

  /** Until the cluster has this many slots, taken or free. */
  async untilSlots(count: number): Promise<void> {
    await this.#until(`${count} slots`, async () => {
      const found = (await this.#rest.call<{ readonly 'slots-total': number }>('/overview'))['slots-total'];
      if (found !== count) throw new Error(`there are ${found} slots`);
    });
  }

  /** Ends all processes in order; jobs are not asked. */
  async stop(): Promise<void> {
    await Promise.all(this.#taskManagers.map(async (it) => it?.end('SIGTERM')));
    await this.#jobManager?.end('SIGTERM');
    await this.#zooKeeper?.end('SIGTERM');
  }

  /** Kills what still runs and removes all data. */
  async close(): Promise<void> {
    await Promise.all([this.#zooKeeper, this.#jobManager, ...this.#taskManagers].map(async (it) => it?.end('SIGKILL')));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    this.#jars = await flinkJars(this.version);
    const [rest, rpc, blob, zooKeeper] = (await freePorts(4)) as [number, number, number, number];
    this.#ports = { rest: this.#options.port ?? rest, rpc, blob, zooKeeper };
    this.#rest = new RestClient({ address: this.address, requestTimeoutMs, ...this.#options.tls });
    for (const name of ['tmp', 'checkpoints', 'savepoints', 'ha', 'zookeeper', 'logs']) mkdirSync(join(this.#folder, name));
    const { highAvailability = false, configuration = {} } = this.#options;
    const base = flinkConfiguration({ folder: this.#folder, ports: this.#ports, slots: this.slotsPerTaskManager, highAvailability });
    const lines = Object.entries({ ...base, ...configuration }).map(([key, value]) => `${key}: '${value.replaceAll("'", "''")}'\n`);
    writeFileSync(join(this.#folder, 'config.yaml'), lines.join(''));
    writeFileSync(join(this.#folder, 'log4j.properties'), log4jProperties);
    writeFileSync(join(this.#folder, 'zoo.cfg'), zooKeeperProperties(this.#folder, this.#ports.zooKeeper));
  }

  #launch(name: string, heap: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<JavaProcess> {
    const log = join(this.#folder, 'logs', `${name}.log`);
    const common = [
      `-Xmx${heap}`,
      ...flags,
      ...(this.#options.jvm ?? []),
      `-Dlog.file=${log}`,
      `-Dlog4j.configurationFile=file:${join(this.#folder, 'log4j.properties')}`,
      '-cp',
      join(this.#jars, '*'),
    ];
    return JavaProcess.start({ arguments: [...common, ...args], log, env });
  }

  async #startZooKeeper(): Promise<void> {
    const main = 'org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer';
    this.#zooKeeper = await this.#launch('zookeeper', '64m', [main, '--zkConfigFile', join(this.#folder, 'zoo.cfg'), '--peerId', '1']);
  }

  async #launchJobManager(): Promise<void> {
    const main = 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint';
    this.#jobManager = await this.#launch('jobmanager', '384m', [main, '--configDir', this.#folder]);
  }

  async #launchTaskManager(index: number): Promise<void> {
    const main = 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner';
    const args = [main, '--configDir', this.#folder, '-D', `taskmanager.resource-id=tm${index}`];
    const address = this.#options.addresses?.[index];
    const machine = address === undefined ? { jvm: [], keys: [] } : this.#machine(`tm${index}`, address);
    this.#taskManagers[index] = await this.#launch(`taskmanager-${index}`, '320m', [...machine.jvm, ...args, ...machine.keys], this.#options.env);
  }

  /** What makes a TaskManager one on another machine. */
  #machine(name: string, address: string): { readonly jvm: readonly string[]; readonly keys: readonly string[] } {
    const folder = join(this.#folder, name);
    mkdirSync(folder, { recursive: true });
    const keys = { 'taskmanager.host': address, 'taskmanager.bind-host': address, 'io.tmp.dirs': folder };
    return { jvm: [`-Djava.io.tmpdir=${folder}`], keys: Object.entries(keys).flatMap(([key, value]) => ['-D', `${key}=${value}`]) };
  }

  async #until(what: string, check: () => Promise<unknown>): Promise<void> {
    const deadline = Date.now() + startTimeoutMs;
    for (;;) {
      const ended = [this.#zooKeeper, this.#jobManager].find((it) => it?.isRunning === false);
      if (ended !== undefined) throw new Error(`Flink ended while it was waited for ${what}:\n${ended.logTail()}`);
      try {
        await check();
        return;
      } catch (thrown) {
        if (Date.now() > deadline) throw new Error(`Flink has no ${what} after ${startTimeoutMs} ms; logs in ${this.#folder}`, { cause: thrown });
        await setTimeout(pollMs);
      }
    }
  }
}
