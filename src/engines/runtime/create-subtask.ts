import { MillraceError } from '../../core/index.js';
import type { Doorbell } from '../../memory/channel.js';
import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import type { InputLane } from '../../stream/subtask.js';
import { Chain } from './chain.js';
import type { ExchangeWriter } from './exchange-writer.js';
import type { Gate } from './gate.js';
import { LoopClock } from './loop-clock.js';
import type { MetricsBlock } from './metrics-block.js';
import { OperatorDriver, type Item } from './operator-driver.js';
import { operatorError } from './operator-error.js';
import { OperatorOutputs, type Route } from './operator-output.js';
import type { FromSubtask, SubtaskPlacement } from './protocol.js';
import type { RendezvousClient } from './rendezvous.js';
import { operatorLabels, subtaskContext } from './subtask-context.js';
import { SubtaskRunner, type StateOutlet } from './subtask-runner.js';

/** A subtask as its engine sees it before it runs: the place, the channels, and where all that it says goes. */
export interface SubtaskSetup {
  readonly graph: JobGraph;
  readonly vertex: JobVertex;
  /** As deployed. */
  readonly parallelism: number;
  readonly placement: SubtaskPlacement;
  readonly doorbell: Doorbell;
  readonly metrics: MetricsBlock;
  readonly rendezvous: RendezvousClient;
  /** Aborted when the subtask must stop at once. */
  readonly abort: AbortController;
  /** The writing ends, by edge. */
  readonly exchanges: ReadonlyMap<number, ExchangeWriter>;
  readonly createGate: (deliver: (item: Item) => void) => Gate;
  readonly post: (message: FromSubtask) => void;
  readonly state: StateOutlet;
  /** Parallelism of a vertex other than this one, as deployed. */
  readonly parallelismOf: (vertex: JobVertex) => number;
  /** Where the engine replaces this subtask alone when it fails. */
  readonly lane?: InputLane | undefined;
}

export interface CreatedSubtask {
  readonly runner: SubtaskRunner;
  /** The operators, the head first. */
  readonly drivers: readonly OperatorDriver[];
  /** Opens the operators. @returns false where one failed: the failure is reported */
  readonly open: () => Promise<boolean>;
}

/** Puts one subtask together: its operators, routes between them, channels in and out, and the loop. */
export function createSubtask(setup: SubtaskSetup): CreatedSubtask {
  const { vertex, parallelism, placement, doorbell, metrics, rendezvous, abort, exchanges, post, state, lane } = setup;
  const runner: SubtaskRunner = new SubtaskRunner();
  const chain = new Chain(vertex.operators.length, runner);
  const drivers = createDrivers(setup, chain);
  runner.attach({
    ...{ index: placement.index, parallelism, chain, drivers, doorbell, post, state, abort, rendezvous },
    gate: setup.createGate((item) => runner.deliver(item)),
    exchanges: [...exchanges.values()],
    time: new LoopClock(metrics.group({ chain: vertex.name })),
  });
  const context = { task: placement, parallelism, metrics, rendezvous, signal: abort.signal, runner, post, lane, parallelismOf: parallelismByUid(setup) };
  const open = (): Promise<boolean> =>
    runner.open((driver) => ({ context: subtaskContext(driver, context), restored: placement.restored[driver.node.uid] ?? [] }));
  return { runner, drivers, open };
}

function parallelismByUid({ graph, vertex, parallelism, parallelismOf }: SubtaskSetup): (uid: string) => number {
  return (uid) => {
    const found = graph.vertices.find(({ operators }) => operators.some((node) => node.uid === uid));
    if (found === undefined) throw new MillraceError('INTERNAL', `no operator with uid '${uid}' in this job`);
    return found.id === vertex.id ? parallelism : parallelismOf(found);
  };
}

/** From the last operator to the head, so that each one's outputs are there before it. */
function createDrivers({ graph, vertex, exchanges, metrics, placement, parallelism }: SubtaskSetup, chain: Chain): OperatorDriver[] {
  const drivers = new Map<number, OperatorDriver>();
  for (const node of [...vertex.operators].reverse()) {
    const routes = new Map<string | undefined, Route>();
    const route = (tag: string | undefined): Route => {
      const known = routes.get(tag) ?? { inner: [], exchanges: [] };
      routes.set(tag, known);
      return known;
    };
    for (const edge of vertex.inner) {
      if (edge.from === node.id) route(edge.tag).inner.push({ driver: drivers.get(edge.to) as OperatorDriver, input: edge.input });
    }
    for (const { id, edge } of graph.edges) {
      const exchange = exchanges.get(id);
      if (edge.from === node.id && exchange !== undefined) route(edge.tag).exchanges.push(exchange);
    }
    const group = metrics.group(operatorLabels(node));
    try {
      drivers.set(node.id, new OperatorDriver(node, chain, new OperatorOutputs(chain, routes, group), group));
    } catch (thrown) {
      throw operatorError(thrown, node, placement.index, parallelism);
    }
  }
  return vertex.operators.map((node) => drivers.get(node.id) as OperatorDriver);
}
