import { MillraceError } from '../../../core/errors.js';
import type { JobEdge, JobGraph, JobVertex } from '../../../stream/job-graph.js';
import { createExchange, edgeSource } from '../../runtime/edges.js';
import type { ExchangeWriter } from '../../runtime/exchange-writer.js';
import type { HeldInputs } from '../../runtime/held-inputs.js';
import { isNamed } from '../../runtime/replaceable.js';
import { RepeatingWriter } from '../../runtime/repeating-writer.js';
import type { HostRings } from './host-rings.js';
import type { GateEdge } from './link-gate.js';
import { LinkWriter, type LinkLane } from './link-writer.js';
import type { OpenRequest } from './open-request.js';
import type { HostPlace, WantedRing } from './thread-protocol.js';

/** What all lanes of a subtask have in common. */
interface ExchangeParts extends Pick<LinkLane, 'link' | 'barriers' | 'onFull'> {
  readonly rings: HostRings | undefined;
}

/** The edges of one vertex, as Flink has deployed them: with less parallelism than was planned, maybe. */
export class SubtaskPlace {
  readonly #targets = new Map<number, number>();
  readonly #named = new Map<number, readonly number[]>();
  readonly #channels = new Map<number, number>();

  constructor(
    readonly graph: JobGraph,
    readonly vertex: JobVertex,
    readonly request: OpenRequest,
  ) {
    for (const { edge, targets, named } of request.outputs) {
      this.#targets.set(edge, targets);
      if (named !== undefined) this.#named.set(edge, named);
    }
    for (const { edge, channels } of request.inputs) this.#channels.set(edge, channels);
    for (const { id } of this.#outputs) if (!this.#targets.has(id)) throw missing('output', id);
    for (const { id } of this.#inputs) if (!this.#channels.has(id)) throw missing('input', id);
  }

  get laneCount(): number {
    return this.#outputs.reduce((sum, edge) => sum + this.#targetsOf(edge).length, 0);
  }

  /** As others of its host know it. */
  get inHost(): HostPlace {
    const { vertex, index, epoch, succeeds } = this.request;
    return { vertex, index, attempt: epoch - (succeeds?.restarts ?? 0) };
  }

  /** Where its batches go. */
  get wantedRings(): WantedRing[] {
    return this.#outputs
      .filter(({ edge }) => edge.exchange.kind !== 'control')
      .flatMap((edge) => this.#targetsOf(edge).map((index) => ({ edge: edge.id, vertex: edge.to, index })));
  }

  /** @param held where the subtask may be replaced: what it makes of a batch goes the same ways each time, and comes once */
  createExchanges({ rings, ...lane }: ExchangeParts, held: HeldInputs | undefined): Map<number, ExchangeWriter> {
    const { index, task } = this.request;
    const position = held && ((): number => held.position);
    const settings = { index, keyGroups: this.graph.keyGroups, ...task.options, position };
    return new Map(
      this.#outputs.map((edge) => {
        const writers = this.#targetsOf(edge).map((target, at) => {
          const writer = new LinkWriter({
            ...lane,
            place: { edge: edge.id, target, from: index },
            named: this.#named.get(edge.id)?.[at],
            ring: () => rings?.to(edge.id, target),
          });
          return position !== undefined && isNamed(edge) ? new RepeatingWriter(writer, position) : writer;
        });
        return [edge.id, createExchange(edge, writers, settings)];
      }),
    );
  }

  gateEdges(): GateEdge[] {
    return this.#inputs.map((edge) => ({
      ...edgeSource(edge, this.graph),
      edge: edge.id,
      channels: this.#channels.get(edge.id) as number,
      only: isForward(edge) ? this.request.index : undefined,
    }));
  }

  parallelismOf({ id, parallelism }: JobVertex): number {
    const below = this.#outputs.find(({ to }) => to === id);
    if (below !== undefined) return isForward(below) ? this.request.parallelism : (this.#targets.get(below.id) as number);
    const above = this.#inputs.find(({ from }) => from === id);
    if (above !== undefined) return isForward(above) ? this.request.parallelism : (this.#channels.get(above.id) as number);
    // Of others nothing is known but the plan.
    return parallelism;
  }

  get #outputs(): readonly JobEdge[] {
    return this.graph.edges.filter(({ from }) => from === this.vertex.id);
  }

  get #inputs(): readonly JobEdge[] {
    return this.graph.edges.filter(({ to }) => to === this.vertex.id);
  }

  #targetsOf(edge: JobEdge): readonly number[] {
    if (isForward(edge)) return [this.request.index];
    return Array.from({ length: this.#targets.get(edge.id) as number }, (_, target) => target);
  }
}

function isForward({ edge }: JobEdge): boolean {
  return edge.exchange.kind === 'forward';
}

function missing(what: 'input' | 'output', edge: number): MillraceError {
  return new MillraceError('PROTOCOL', `Flink opened a subtask without its ${what} edge ${edge}`);
}
