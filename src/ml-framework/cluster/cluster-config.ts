import { z } from 'zod';
import { durationMs } from '../../core/duration-option.js';
import { MillraceError, resolveOptions, type Duration } from '../../core/index.js';
import type { Isolation } from '../../stream/graph.js';

/** When a cluster is done, and its other nodes are told to end. */
export type FinishPolicy =
  /** Every worker has finished. */
  | 'allWorkers'
  /** Node 0 of role `chief`, or worker 0 where there is no such role, has finished. */
  | 'chief';

export interface ClusterOptions {
  /** Names the cluster in the job, in messages and in metrics. */
  readonly name: string;
  /** Nodes of each role; the application manager is added by addAMRole(). */
  readonly roles: Readonly<Record<string, number>>;
  /** How pushes are applied: 'bsp' (default) in rounds, 'asp' as they come. */
  readonly mode?: 'bsp' | 'asp';
  /** What an update is made of: the 'mean' (default) of the gradients of its examples, or their 'sum'. */
  readonly gradients?: 'mean' | 'sum';
  /** Default 'allWorkers'. */
  readonly finishPolicy?: FinishPolicy;
  /** Default 2 s. */
  readonly heartbeatInterval?: Duration;
  /** A node silent for this long is lost. Default 60 s: longer than any native call that blocks a thread. */
  readonly heartbeatTimeout?: Duration;
  /** Every node must have registered by then. Default 60 s. */
  readonly registrationDeadline?: Duration;
  /** A node entry must ask for its next batch, or end, within this time. Default 5 min. */
  readonly entryDeadline?: Duration;
  /** Waits that only the network can prolong. Default 30 s. */
  readonly rpcDeadline?: Duration;
  /** Address that the cluster's servers listen on. Default: 127.0.0.1; on Flink, the address of their TaskManager. */
  readonly host?: string;
  /**
   * Where nodes run: in threads of one process (default), or each in a process of its own, which survives a native crash of the
   * others. For all nodes, or by role; a role that is not named, 'am' included, runs in threads.
   */
  readonly isolation?: IsolationOption;
}

export type IsolationOption = Isolation | Readonly<Record<string, Isolation>>;

/** A resolved cluster: immutable, durations in ms. */
export interface ClusterConfig {
  readonly name: string;
  readonly roles: Readonly<Record<string, number>>;
  readonly mode: 'bsp' | 'asp';
  readonly gradients: 'mean' | 'sum';
  readonly finishPolicy: FinishPolicy;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly registrationDeadlineMs: number;
  readonly entryDeadlineMs: number;
  readonly rpcDeadlineMs: number;
  /** undefined: where the engine says. */
  readonly host: string | undefined;
  /** Of every role, and of 'am'. */
  readonly isolation: Readonly<Record<string, Isolation>>;
}

const isolation = z.enum(['thread', 'process']);
export const isolationOption = z.union([isolation, z.record(z.string(), isolation)], "must be 'thread', 'process', or one of them for each role");

const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'a name of letters, digits, - and _, starting with a letter');

export const clusterOptions = z.strictObject({
  name,
  roles: z.record(name, z.int().min(1)),
  mode: z.enum(['bsp', 'asp']).default('bsp'),
  gradients: z.enum(['mean', 'sum']).default('mean'),
  finishPolicy: z.enum(['allWorkers', 'chief']).default('allWorkers'),
  heartbeatInterval: durationMs.default(2_000),
  heartbeatTimeout: durationMs.default(60_000),
  registrationDeadline: durationMs.default(60_000),
  entryDeadline: durationMs.default(300_000),
  rpcDeadline: durationMs.default(30_000),
  host: z.string().min(1).optional(),
  isolation: isolationOption.default('thread'),
});

/** @throws OPTION_INVALID */
export function defineCluster(options: ClusterOptions): ClusterConfig {
  const resolved = resolveOptions(clusterOptions, options, `cluster ${typeof options?.name === 'string' ? options.name : '(without a name)'}`);
  if (resolved.heartbeatTimeout <= resolved.heartbeatInterval) {
    throw new MillraceError(
      'OPTION_INVALID',
      `cluster ${resolved.name}: heartbeatTimeout ${resolved.heartbeatTimeout} ms must be longer than heartbeatInterval ${resolved.heartbeatInterval} ms`,
    );
  }
  return Object.freeze({
    name: resolved.name,
    roles: resolved.roles,
    mode: resolved.mode,
    gradients: resolved.gradients,
    finishPolicy: resolved.finishPolicy,
    heartbeatIntervalMs: resolved.heartbeatInterval,
    heartbeatTimeoutMs: resolved.heartbeatTimeout,
    registrationDeadlineMs: resolved.registrationDeadline,
    entryDeadlineMs: resolved.entryDeadline,
    rpcDeadlineMs: resolved.rpcDeadline,
    host: resolved.host,
    isolation: isolationByRole(resolved.name, ['am', ...Object.keys(resolved.roles)], resolved.isolation),
  });
}

function isolationByRole(cluster: string, roles: readonly string[], option: IsolationOption): Readonly<Record<string, Isolation>> {
  const of = (role: string): Isolation => (typeof option === 'string' ? option : Object.hasOwn(option, role) ? (option[role] as Isolation) : 'thread');
  const unknown = typeof option === 'string' ? [] : Object.keys(option).filter((role) => !roles.includes(role));
  if (unknown.length > 0)
    throw new MillraceError('OPTION_INVALID', `cluster ${cluster}: isolation names ${unknown.join(', ')}; the roles are ${roles.join(', ')}`, {
      details: { unknown, roles },
    });
  return Object.freeze(Object.fromEntries(roles.map((role) => [role, of(role)])));
}
