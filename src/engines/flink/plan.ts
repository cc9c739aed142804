import type { JobEdge, JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { Isolation } from '../../stream/graph.js';
import type { RestartSettings } from '../../stream/restart-options.js';
import { describeGraph, type GraphDescription } from '../../stream/planner/index.js';
import { replaceableVertices } from '../runtime/replaceable.js';
import { restartLimits, scopeOf, strategyOf, type RestartLimits } from '../runtime/restart-limits.js';
import { clusterEdges } from './cluster-edges.js';
import { flinkConfiguration } from './configuration.js';

/**
 * A job as the bridge in Flink reads it: `millrace/plan.json` in the jar that is submitted. Millrace has planned the graph;
 * Flink gets one operator for each chain and one partitioned edge for each exchange between chains. Edges beyond those of the
 * job's graph hold a cluster together (see {@link clusterEdges}).
 */
export interface FlinkPlan {
  readonly version: 1;
  /** Version of the package; the host on a TaskManager must be of the same one. */
  readonly millrace: string;
  readonly job: { readonly name: string; readonly id: string };
  /** Flink's maximum parallelism of every vertex. */
  readonly keyGroups: number;
  readonly fingerprint: string;
  /** Flink's own options. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly host: FlinkHostPlan;
  /** Handed to each host as it is. */
  readonly task: FlinkTask;
  readonly vertices: readonly FlinkVertex[];
  /** In the order of the inputs of `to`. */
  readonly edges: readonly FlinkEdge[];
}

/** How a TaskManager starts the Node.js process that runs its subtasks. */
export interface FlinkHostPlan {
  /** The program: a name that is looked for in PATH, or an absolute path. */
  readonly node: string;
  /** Absolute path on the TaskManager of `dist/src/engines/flink/host/main.js`. */
  readonly entry: string;
  /** Options of Node.js itself, such as `--max-old-space-size=512`. */
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For a subtask to be ready. */
  readonly startTimeoutMs: number;
  /** For a subtask to close before its host is killed. */
  readonly closeTimeoutMs: number;
  /** How long a host without subtasks waits for the next ones, so that a restart finds it warm. */
  readonly lingerMs: number;
}

/** What a host needs to know of the job, beside its place in it. JSON-safe. */
export interface FlinkTask {
  readonly job: { readonly name: string; readonly id: string };
  readonly bundle: { readonly hash: string; readonly source?: string };
  readonly params: Readonly<Record<string, unknown>>;
  /** The job's default. */
  readonly parallelism: number;
  readonly keyGroups: number;
  readonly overrides: Readonly<Record<string, number>>;
  readonly fingerprint: string;
  /** To name the operator where fingerprints differ. */
  readonly description: GraphDescription;
  readonly options: FlinkTaskOptions;
  /** Where reports go; absent where nobody waits for them. */
  readonly reports?: FlinkReports;
}

export interface FlinkTaskOptions {
  /** Rows that a hash exchange gathers for a target before it writes a batch. */
  readonly batchRows: number;
  /** Longest time that gathered rows wait for more. */
  readonly flushIntervalMs: number;
}

/** The process that submitted the job. The token says that a report is from this job. */
export interface FlinkReports {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

/** A chain. */
export interface FlinkVertex {
  readonly id: number;
  /** Of its head. */
  readonly uid: string;
  readonly name: string;
  readonly parallelism: number;
  readonly role: string | null;
  readonly isolation: Isolation;
  readonly slotSharingGroup: string;
  /** Where a failed subtask is replaced alone, while its task in Flink lives on. */
  readonly restarts?: FlinkNodeRestarts;
}

export interface FlinkNodeRestarts extends RestartLimits {
  readonly role: string;
  /** The one edge that it reads. */
  readonly edge: number;
}

export interface FlinkEdge {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  /** 'target': each record names the downstream subtask that it is for. */
  readonly exchange: 'forward' | 'target';
}

export interface FlinkPlanSettings {
  readonly millrace: string;
  readonly job: { readonly name: string; readonly id: string };
  readonly bundle: { readonly hash: string; readonly source?: string };
  readonly params: Readonly<Record<string, unknown>>;
  readonly parallelism: number;
  readonly overrides: Readonly<Record<string, number>>;
  readonly host: FlinkHostPlan;
  readonly options: FlinkTaskOptions;
  readonly reports?: FlinkReports;
  /** Absent: none by themselves; `everyMs` undefined likewise. */
  readonly checkpoints?: FlinkCheckpoints;
  /** Of the job, which becomes Flink's, and of roles, for their nodes alone. Absent: what the cluster does, and no node restarts alone. */
  readonly restart?: RestartSettings;
  /** Options of Flink that go over those of Millrace. */
  readonly configuration?: Readonly<Record<string, string>>;
}

export interface FlinkCheckpoints {
  readonly everyMs?: number;
  readonly timeoutMs?: number;
  readonly retain?: number;
  /** A URI that all TaskManagers reach. Absent: the cluster's. */
  readonly directory?: string;
}

/** Makes the plan that Flink runs out of the one that Millrace made; a pure function. */
export function planForFlink(graph: JobGraph, settings: FlinkPlanSettings): FlinkPlan {
  const { millrace, job, bundle, params, parallelism, overrides, host, options, reports } = settings;
  const { keyGroups, fingerprint } = graph;
  return {
    version: 1,
    ...{ millrace, job, keyGroups, fingerprint },
    configuration: flinkConfiguration(graph, settings),
    host,
    task: {
      ...{ job, bundle, params, parallelism, keyGroups, overrides, fingerprint },
      description: describeGraph(graph),
      options,
      ...(reports === undefined ? {} : { reports }),
    },
    vertices: planVertices(graph, settings.restart),
    edges: [...graph.edges.map(planEdge), ...clusterEdges(graph)],
  };
}

function planVertices(graph: JobGraph, restart: RestartSettings | undefined): FlinkVertex[] {
  // What is replaced alone at the cost of exactness elsewhere goes back with its region here.
  const replaceable = restart === undefined ? undefined : replaceableVertices(graph, (role) => scopeOf(restart, role));
  return graph.vertices.map((vertex) => {
    const { id, name, parallelism, operators } = vertex;
    const [head] = operators;
    return {
      ...{ id, uid: head?.uid ?? '', name, parallelism, role: head?.role ?? null },
      // Operators of one chain are isolated alike.
      isolation: head?.isolation ?? 'thread',
      slotSharingGroup: 'default',
      ...(restart !== undefined && replaceable?.get(id)?.isExact === true ? { restarts: nodeRestarts(vertex, graph, restart) } : {}),
    };
  });
}

function nodeRestarts({ id, operators }: JobVertex, graph: JobGraph, restart: RestartSettings): FlinkNodeRestarts {
  const role = operators[0]?.role as string;
  const edge = graph.edges.find(({ to }) => to === id) as JobEdge;
  return { role, edge: edge.id, ...restartLimits(strategyOf(restart, role)) };
}

function planEdge({ id, from, to, edge }: JobEdge): FlinkEdge {
  return { id, from, to, exchange: edge.exchange.kind === 'forward' ? 'forward' : 'target' };
}
