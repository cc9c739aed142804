import type { FromShard, ShardLink, ShardLinkEvents, ToShard } from '../../ml-framework/parameters/messages.js';
import { ParameterShard, decodeSegment, encodeSegment, type ShardSession } from '../../roles/ps/index.js';
import { Pipe } from './pipe.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedAm } from './simulated-am.js';
import { SimulatedMembership } from './simulated-am.js';

export interface SimulatedShardOptions {
  readonly index: number;
  readonly workers: number;
  readonly mode: 'bsp' | 'asp';
  readonly epoch: number;
  readonly restored: readonly Uint8Array[];
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly am: SimulatedAm;
  /** State of a cut, on its way to whoever coordinates cuts. */
  snapshot(cut: number, chunks: readonly Uint8Array[]): void;
}

/** A parameter server: the production shard behind simulated streams and a simulated control edge. */
export class SimulatedShard {
  readonly shard: ParameterShard;
  readonly membership: SimulatedMembership;
  readonly #options: SimulatedShardOptions;
  readonly #barriers = new Map<number, number>();
  readonly #aborted = new Set<number>();
  #ended = 0;

  constructor(options: SimulatedShardOptions) {
    this.#options = options;
    const { index, workers, mode, epoch, restored, am, scheduler, random } = options;
    this.shard = new ParameterShard({ name: `ps ${index}`, workers, mode, epoch, optimizer: { kind: 'sgd', learningRate: 1 } }, restored.map(decodeSegment));
    this.membership = new SimulatedMembership(am, { role: 'ps', index, epoch, address: 'simulated' }, scheduler, random);
  }

  get hasEnded(): boolean {
    return this.#ended === this.#options.workers;
  }

  /** The stream of one incarnation of a worker. */
  connect(worker: number, epoch: number, events: ShardLinkEvents): ShardLink & { cut(): void } {
    const { scheduler, random } = this.#options;
    const down = new Pipe<FromShard>(scheduler, random, 4, (message) => events.message(message));
    let session: ShardSession | undefined;
    const up = new Pipe<ToShard | 'open'>(scheduler, random, 4, (message) => {
      if (message === 'open') session = this.shard.connect(worker, epoch, (answer) => down.send(answer));
      else session!.receive(message);
    });
    up.send('open');
    const cut = (): void => {
      up.cut();
      down.cut();
    };
    return { send: (message) => up.send(message), close: cut, cut };
  }

  /** Control edge: a worker has passed barrier `cut`. */
  barrier(cut: number): void {
    const count = (this.#barriers.get(cut) ?? 0) + 1;
    this.#barriers.set(cut, count);
    if (count < this.#options.workers || this.#aborted.has(cut)) return;
    const segments = this.shard.freeze(cut);
    // Encoded later, while pushes go on: what copy-on-write is for.
    const { scheduler, random, snapshot } = this.#options;
    scheduler.after(random.next() * 8, () => snapshot(cut, segments.map(encodeSegment)));
  }

  /** Control edge: a worker has ended. */
  end(): void {
    this.#ended++;
    if (this.hasEnded) this.membership.finish();
  }

  abort(cut: number): void {
    this.#aborted.add(cut);
    this.shard.decide(cut);
  }
}
