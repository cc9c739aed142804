import type { MetricSample } from '../../core/metrics.js';
import type { OperatorNode } from '../../stream/graph.js';
import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { FlinkCluster, FlinkVertexDetails, MetricAggregate } from './cluster.js';

/** The group that the bridge puts our metrics in; before it stands the operator's name, behind it the metric's. */
const group = '.millrace.';
const nodeRestartsMetric = 'millrace_node_restarts_total';
/** New metrics appear while a job runs: how many readings share one list of names. */
const readingsPerList = 10;

interface VertexMetrics {
  readonly names: readonly string[];
  readings: number;
}

/** The metrics that our subtasks hand to Flink, read back from its REST; kept between readings, as a status is asked at any time. */
export class FlinkMetrics {
  readonly #cluster: FlinkCluster;
  readonly #job: string;
  readonly #lists = new Map<string, VertexMetrics>();
  #samples: readonly MetricSample[] = [];
  #isWhole = false;
  /** Of subtasks that are gone, and of those that were read last. */
  #nodeRestarts: { readonly before: number; readonly now: number } | undefined;

  constructor(cluster: FlinkCluster, job: string) {
    this.#cluster = cluster;
    this.#job = job;
  }

  /** Of the last reading: one for each metric of an operator, over all of its subtasks. */
  get samples(): readonly MetricSample[] {
    return this.#samples;
  }

  /** Every operator had something to say in the last reading. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Nodes that were replaced alone, up to the last reading; undefined where none ever is. */
  get nodeRestarts(): number | undefined {
    return this.#nodeRestarts && this.#nodeRestarts.before + this.#nodeRestarts.now;
  }

  /** The job has new subtasks. */
  forget(): void {
    this.#isWhole = false;
    this.#lists.clear();
    this.#samples = [];
  }

  async read(flinkId: string, plan: JobGraph, vertices: readonly FlinkVertexDetails[]): Promise<void> {
    const pairs = matchVertices(plan, vertices);
    const samples = await Promise.all(pairs.map(({ vertex, details }) => this.#readVertex(flinkId, vertex, details.id)));
    this.#isWhole = pairs.length === plan.vertices.length && samples.every((own) => own.length > 0);
    if (samples.some((own) => own.length > 0)) this.#samples = samples.flat();
    this.#countNodeRestarts();
  }

  /** Each subtask counts its own, from 0 again where Flink has restarted it. */
  #countNodeRestarts(): void {
    const counts = this.#samples.filter(({ name }) => name === nodeRestartsMetric).map(({ value }) => value);
    if (counts.length === 0) return;
    const sum = counts.reduce((left, right) => left + right);
    const { before, now } = this.#nodeRestarts ?? { before: 0, now: 0 };
    this.#nodeRestarts = { before: sum < now ? before + now : before, now: sum };
  }

  async #readVertex(flinkId: string, vertex: JobVertex, id: string): Promise<MetricSample[]> {
    let list = this.#lists.get(id);
    if (list === undefined || list.names.length === 0 || list.readings >= readingsPerList) {
      list = { names: (await this.#cluster.metricNames(flinkId, id)).filter((name) => name.includes(group)), readings: 0 };
      this.#lists.set(id, list);
    }
    list.readings++;
    const values = await this.#cluster.metricValues(flinkId, id, list.names);
    return [...values].flatMap(([name, value]) => sampleOf(vertex, name, value, this.#job) ?? []);
  }
}

/** What the bridge puts before a vertex without inputs. */
const idleSource = 'Source: keep-alive -> ';

/** Flink names a vertex by its operators: ours alone, or behind the idle source. */
export function matchVertices(
  plan: Pick<JobGraph, 'vertices'>,
  vertices: readonly FlinkVertexDetails[],
): readonly { readonly vertex: JobVertex; readonly details: FlinkVertexDetails }[] {
  const left = [...vertices];
  return plan.vertices.flatMap((vertex) => {
    const at = left.findIndex(({ name }) => name === vertex.name || name === `${idleSource}${vertex.name}`);
    const [details] = at < 0 ? [] : left.splice(at, 1);
    return details === undefined ? [] : [{ vertex, details }];
  });
}

/** The plan in the parallelism in which Flink runs it: its adaptive scheduler changes that. */
export function asDeployed(plan: JobGraph, details: readonly FlinkVertexDetails[]): JobGraph {
  const found = new Map(matchVertices(plan, details).map(({ vertex, details: { parallelism } }) => [vertex.id, parallelism]));
  return { ...plan, vertices: plan.vertices.map((vertex) => ({ ...vertex, parallelism: found.get(vertex.id) ?? vertex.parallelism })) };
}

/** Flink replaces in names what separates them. */
function inFlink(text: string): string {
  return text.replace(/[ .:,]/g, '_');
}

const ofChain = 'chain_';

/** `<operator>.millrace.<uid>_<metric>`, or `chain_<metric>` for one of the whole subtask; undefined where it has no value yet. */
export function sampleOf(vertex: JobVertex, name: string, { sum, avg, min }: MetricAggregate, job: string): MetricSample | undefined {
  const own = name.slice(name.indexOf(group) + group.length);
  const operator = vertex.operators.filter(({ uid }) => own.startsWith(`${inFlink(uid)}_`)).sort((a, b) => b.uid.length - a.uid.length)[0];
  if (operator === undefined && !own.startsWith(ofChain)) return undefined;
  const metric = own.slice(operator === undefined ? ofChain.length : operator.uid.length + 1);
  const type = /_(total|sum|count)$/.test(metric) ? 'counter' : 'gauge';
  const value = type === 'counter' ? sum : metric === 'watermark_seconds' ? min : avg;
  if (!Number.isFinite(value)) return undefined;
  const labels = operator === undefined ? { chain: vertex.name } : labelsOf(operator);
  return { name: `millrace_${metric}`, help: '', type, labels: { job, ...labels }, value };
}

function labelsOf({ uid, name, role }: OperatorNode): Readonly<Record<string, string>> {
  return { operator: name, uid, ...(role === undefined ? {} : { role }) };
}
