import { ParameterClient } from '../../ml-framework/parameters/parameter-client.js';
import { CountingModel } from './counting-model.js';
import { Pipe } from './pipe.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';
import { SimulatedMembership, type SimulatedAm } from './simulated-am.js';
import type { SimulatedShard } from './simulated-shard.js';
import type { Lane, SimulatedBatch } from './source-lanes.js';

export interface SimulatedWorkerOptions {
  readonly index: number;
  readonly workers: number;
  readonly mode: 'bsp' | 'asp';
  readonly model: CountingModel;
  readonly lane: Lane;
  readonly shards: readonly SimulatedShard[];
  readonly am: SimulatedAm;
  readonly scheduler: Scheduler;
  readonly random: Random;
  violated(error: unknown): void;
}

/** A worker and its successors on one lane: the production parameter client, a training step in miniature. */
export class SimulatedWorker {
  readonly #options: SimulatedWorkerOptions;
  readonly #control: readonly Pipe<number | 'end'>[];
  #incarnation = 0;
  #stop: () => void = () => undefined;
  hasEnded = false;
  #pulled = -1;
  #epoch = 0;

  constructor(options: SimulatedWorkerOptions) {
    this.#options = options;
    const { scheduler, random, shards } = options;
    this.#control = shards.map((shard) => new Pipe<number | 'end'>(scheduler, random, 6, (item) => (item === 'end' ? shard.end() : shard.barrier(item))));
  }

  /** Starts a first worker or a successor. */
  start(epoch: number): void {
    if (epoch < this.#epoch) return;
    this.#epoch = epoch;
    // Two deaths in a row bring two successors: the second one takes over from the first.
    this.kill();
    const incarnation = this.#incarnation;
    const { index, shards, am, scheduler, random, model, workers, lane } = this.#options;
    const links: { cut(): void }[] = [];
    const membership = new SimulatedMembership(am, { role: 'worker', index, epoch, address: '' }, scheduler, random);
    this.#stop = () => {
      membership.kill();
      for (const link of links) link.cut();
    };
    const run = async (): Promise<void> => {
      await membership.running();
      const client = new ParameterClient(
        {
          name: `worker ${index}`,
          variables: model.variables,
          shards: shards.length,
          clock: scheduler,
          deadlineMs: 60_000,
          maxSegmentLength: Math.ceil(model.batches / 5),
        },
        (shard, events) => {
          const link = shards[shard]!.connect(index, epoch, events);
          links.push(link);
          return link;
        },
      );
      lane.rewind();
      client.resume(lane.releasedBatches, lane.barrier);
      await client.ready(index === 0 ? () => model.initial() : undefined);
      const isCurrent = (): boolean => this.#incarnation === incarnation;
      while (isCurrent()) {
        const item = await lane.take();
        if (!isCurrent()) return;
        if (item.kind === 'batch') await this.#learn(client, item, isCurrent, workers);
        else if (item.kind === 'barrier') {
          await client.mark(item.cut);
          if (!isCurrent()) return;
          lane.release();
          for (const pipe of this.#control) pipe.send(item.cut);
        } else {
          await client.leave();
          if (!isCurrent()) return;
          this.hasEnded = true;
          for (const pipe of this.#control) pipe.send('end');
          membership.finish();
          return;
        }
      }
    };
    run().catch((thrown: unknown) => {
      if (this.#incarnation === incarnation) this.#options.violated(thrown);
    });
  }

  kill(): void {
    this.#incarnation++;
    this.#stop();
  }

  /** The deployment is over: nothing of it may be heard any more. */
  discard(): void {
    this.kill();
    for (const pipe of this.#control) pipe.cut();
  }

  async #learn(client: ParameterClient, { order, examples }: SimulatedBatch, isCurrent: () => boolean, workers: number): Promise<void> {
    const { scheduler, random, model, lane, mode, violated } = this.#options;
    // In asp others go on past a batch whose weights a dead predecessor had pulled: predicted again, it may have seen them.
    const isPredicted = !client.isRepeat && (mode === 'bsp' || order > this.#pulled);
    this.#pulled = Math.max(this.#pulled, order);
    const seen = CountingModel.seen(await client.pull(order + workers));
    if (!isCurrent()) return;
    for (let later = order; later < seen.length; later++) {
      if (isPredicted && seen[later] !== 0) violated(new Error(`batch ${order} was predicted with weights that had learned batch ${later} already`));
    }
    await new Promise<void>((resolve) => void scheduler.after(random.next() * 5, resolve));
    if (!isCurrent()) return;
    client.push(model.gradients(order), { examples, notBefore: order + 1 }).then(
      () => {
        if (isCurrent()) lane.release();
      },
      () => undefined,
    );
  }
}
