import { join } from 'node:path';

export interface FlinkPorts {
  readonly rest: number;
  readonly rpc: number;
  readonly blob: number;
  readonly zooKeeper: number;
}

interface Cluster {
  readonly folder: string;
  readonly ports: FlinkPorts;
  readonly slots: number;
  readonly highAvailability: boolean;
}

/** Flink's keys for a small cluster on loopback; those of a TaskManager's memory are what its scripts work out otherwise. */
export function flinkConfiguration({ folder, ports, slots, highAvailability }: Cluster): Record<string, string> {
  return {
    'jobmanager.rpc.address': '127.0.0.1',
    'jobmanager.rpc.port': String(ports.rpc),
    'jobmanager.bind-host': '127.0.0.1',
    'rest.address': '127.0.0.1',
    'rest.bind-address': '127.0.0.1',
    'rest.port': String(ports.rest),
    'rest.bind-port': String(ports.rest),
    'blob.server.port': String(ports.blob),
    'taskmanager.host': '127.0.0.1',
    'taskmanager.bind-host': '127.0.0.1',
    'taskmanager.numberOfTaskSlots': String(slots),
    'taskmanager.cpu.cores': '1.0',
    'taskmanager.memory.framework.heap.size': '64m',
    'taskmanager.memory.framework.off-heap.size': '64m',
    'taskmanager.memory.task.heap.size': '256m',
    'taskmanager.memory.task.off-heap.size': '64m',
    'taskmanager.memory.managed.size': '0m',
    'taskmanager.memory.network.min': '64m',
    'taskmanager.memory.network.max': '64m',
    'taskmanager.memory.jvm-metaspace.size': '160m',
    'taskmanager.memory.jvm-overhead.min': '64m',
    'taskmanager.memory.jvm-overhead.max': '64m',
    'io.tmp.dirs': join(folder, 'tmp'),
    'web.upload.dir': join(folder, 'tmp'),
    'execution.checkpointing.dir': `file://${join(folder, 'checkpoints')}`,
    'execution.checkpointing.savepoint-dir': `file://${join(folder, 'savepoints')}`,
    // What REST shows is old by so much: 3 s and 10 s by default.
    'web.refresh-interval': '500',
    'metrics.fetcher.update-interval': '1000',
    'heartbeat.interval': '2000',
    'heartbeat.timeout': '30000',
    ...(highAvailability ? highAvailabilityByZooKeeper(folder, ports.zooKeeper) : {}),
  };
}

// Flink knows ZooKeeper, Kubernetes and classes of one's own; there is none that works by files alone.
function highAvailabilityByZooKeeper(folder: string, port: number): Record<string, string> {
  return {
    'high-availability.type': 'zookeeper',
    'high-availability.zookeeper.quorum': `127.0.0.1:${port}`,
    'high-availability.zookeeper.client.session-timeout': '5 s',
    'high-availability.storageDir': `file://${join(folder, 'ha')}`,
    'high-availability.jobmanager.port': '0',
  };
}

export function zooKeeperProperties(folder: string, port: number): string {
  const dataDir = join(folder, 'zookeeper');
  return `tickTime=500\ninitLimit=10\nsyncLimit=5\ndataDir=${dataDir}\nclientPort=${port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n`;
}

/** To stderr, which goes to the file that REST shows as the log (`log.file`). */
export const log4jProperties = `rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = Console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
logger.zookeeper.name = org.apache.flink.shaded.zookeeper3
logger.zookeeper.level = WARN
`;
