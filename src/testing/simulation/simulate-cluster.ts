import { decodeSegment } from '../../roles/ps/index.js';
import { CountingModel } from './counting-model.js';
import { Random } from './random.js';
import { Scheduler } from './scheduler.js';
import { SimulatedAm } from './simulated-am.js';
import { SimulatedShard } from './simulated-shard.js';
import { SimulatedWorker } from './simulated-worker.js';
import { Lane } from './source-lanes.js';

export type Victim = 'worker' | 'ps' | 'am' | 'job';

/** One death, at a moment that is counted in messages instead of drawn. */
export interface Death {
  readonly beforeMessage: number;
  readonly who: Victim;
}

export interface SimulationOptions {
  /** Default: up to three deaths at random moments. */
  readonly deaths?: readonly Death[];
}

export interface SimulationResult {
  readonly seed: number;
  readonly mode: 'bsp' | 'asp';
  readonly batches: number;
  readonly cuts: number;
  readonly aborted: number;
  /** Messages delivered. */
  readonly messages: number;
  readonly kills: Readonly<Record<Victim, number>>;
}

interface Cut {
  /** Batches of the stream that lie before it. */
  readonly position: number;
  readonly chunks: readonly Uint8Array[];
}

const limitMs = 60_000;

/**
 * Runs AM, workers, parameter servers, a source and cuts in one thread under a seeded scheduler, with deaths, and checks
 * that each batch was learned exactly once, that each cut holds exactly the batches before it, that no prediction has seen
 * a later batch, and that the cluster ends.
 *
 * @throws Error naming the seed and what was violated
 */
export async function simulateCluster(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const simulation = new ClusterSimulation(seed, options);
  try {
    return await simulation.run();
  } catch (thrown) {
    const deaths = options.deaths === undefined ? '' : `, deaths ${JSON.stringify(options.deaths)}`;
    throw new Error(`seed ${seed}${deaths} (${simulation.describe()}): ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  }
}

class ClusterSimulation {
  readonly #random: Random;
  readonly #scheduler = new Scheduler();
  readonly #mode: 'bsp' | 'asp';
  readonly #examples: readonly number[];
  readonly #model: CountingModel;
  /** Deaths draw from numbers of their own: the schedule before one is that without it. */
  readonly #deathRandom: Random;
  readonly #kills = { worker: 0, ps: 0, am: 0, job: 0 };
  #violation: unknown;
  #attempt = 0;
  #restarts = 0;
  #cutId = 0;
  #cuts = 0;
  #aborted = 0;
  #lastCut: Cut = { position: 0, chunks: [] };

  // One deployment.
  #am!: SimulatedAm;
  #shards: SimulatedShard[] = [];
  #workers: SimulatedWorker[] = [];
  #lanes: Lane[] = [];
  #next = 0;
  #hasEnded = false;
  #pending: { readonly cut: number; readonly position: number; readonly parts: Uint8Array[][] } | undefined;

  constructor(
    private readonly seed: number,
    private readonly options: SimulationOptions,
  ) {
    this.#random = new Random(seed);
    this.#deathRandom = new Random(seed ^ 0x5eed);
    this.#mode = this.#random.chance(0.5) ? 'bsp' : 'asp';
    this.#examples = Array.from({ length: this.#random.int(0, 24) }, () => this.#random.int(1, 4));
    this.#model = new CountingModel(Math.max(1, this.#examples.length));
  }

  describe(): string {
    return `${this.#mode}, ${this.#workers.length} workers, ${this.#shards.length} shards, ${this.#examples.length} batches, attempt ${this.#attempt}, at ${this.#scheduler.now().toFixed(1)} ms`;
  }

  async run(): Promise<SimulationResult> {
    this.#deploy();
    this.#scheduleDeaths();
    const isDone = (): boolean => this.#violation !== undefined || this.#am.cause !== undefined || this.#am.isFinished;
    const isOver = await this.#scheduler.run(isDone, limitMs);
    if (this.#violation !== undefined) throw this.#violation;
    if (this.#am.cause !== undefined) throw this.#am.cause;
    if (!isOver) throw new Error(`not finished within ${limitMs} ms of simulated time: ${this.#next} of ${this.#examples.length} batches dealt out`);
    this.#check(
      'the end',
      this.#examples.length,
      this.#shards.flatMap(({ shard }) => shard.snapshot()),
    );
    const { messages } = this.#scheduler;
    return { seed: this.seed, mode: this.#mode, batches: this.#examples.length, cuts: this.#cuts, aborted: this.#aborted, messages, kills: this.#kills };
  }

  #deploy(): void {
    this.#attempt++;
    const attempt = this.#attempt;
    const epoch = attempt * 1000;
    const workers = this.#random.int(1, 4);
    const shards = this.#random.int(1, 3);
    const scheduler = this.#scheduler;
    const random = this.#random;
    this.#pending = undefined;
    this.#next = this.#lastCut.position;
    this.#hasEnded = false;
    this.#am = new SimulatedAm(scheduler, { worker: workers, ps: shards });
    const am = this.#am;
    this.#shards = Array.from({ length: shards }, (_, index) => {
      // Chunks go round robin over whatever number of shards there is now, as an engine deals them out.
      const restored = this.#lastCut.chunks.filter((_chunk, i) => i % shards === index);
      return new SimulatedShard({
        index,
        workers,
        mode: this.#mode,
        epoch,
        restored,
        scheduler,
        random,
        am,
        snapshot: (cut, chunks) => this.#snapshot(attempt, cut, chunks),
      });
    });
    this.#lanes = Array.from({ length: workers }, () => new Lane(3));
    this.#workers = this.#lanes.map(
      (lane, index) =>
        new SimulatedWorker({
          index,
          workers,
          mode: this.#mode,
          model: this.#model,
          lane,
          shards: this.#shards,
          am,
          scheduler,
          random,
          violated: (error) => {
            if (this.#attempt === attempt) this.#violation ??= error;
          },
        }),
    );
    for (const worker of this.#workers) scheduler.after(random.next() * 10, () => worker.start(epoch));
    this.#deal(attempt, 0);
  }

  /** The source: batches to the lanes in turn, held back by a full one, with barriers and the end in all lanes. */
  #deal(attempt: number, dealt: number): void {
    if (this.#attempt !== attempt || this.#hasEnded) return;
    let count = dealt;
    if (this.#pending === undefined && this.#random.chance(0.15)) this.#startCut(attempt);
    const lane = this.#lanes[count % this.#lanes.length]!;
    if (this.#next >= this.#examples.length) {
      for (const each of this.#lanes) each.write({ kind: 'end' });
      this.#hasEnded = true;
      return;
    }
    if (!lane.isFull) {
      lane.write({ kind: 'batch', order: this.#next, examples: this.#examples[this.#next]! });
      this.#next++;
      count++;
    }
    this.#scheduler.after(this.#random.next() * 3, () => this.#deal(attempt, count));
  }

  #startCut(attempt: number): void {
    const cut = ++this.#cutId;
    this.#pending = { cut, position: this.#next, parts: [] };
    for (const lane of this.#lanes) lane.write({ kind: 'barrier', cut });
    if (!this.#random.chance(0.2)) return;
    this.#scheduler.after(this.#random.next() * 40, () => {
      if (this.#attempt !== attempt || this.#pending?.cut !== cut) return;
      this.#pending = undefined;
      this.#aborted++;
      for (const shard of this.#shards) {
        this.#scheduler.after(this.#random.next() * 10, () => {
          if (this.#attempt === attempt) shard.abort(cut);
        });
      }
    });
  }

  #snapshot(attempt: number, cut: number, chunks: readonly Uint8Array[]): void {
    if (this.#attempt !== attempt || this.#pending?.cut !== cut) return;
    this.#pending.parts.push([...chunks]);
    if (this.#pending.parts.length < this.#shards.length) return;
    const { position, parts } = this.#pending;
    this.#pending = undefined;
    this.#cuts++;
    this.#lastCut = { position, chunks: parts.flat() };
    this.#check(`cut ${cut}`, position, this.#lastCut.chunks.map(decodeSegment));
  }

  #check(
    where: string,
    position: number,
    segments: readonly { readonly spec: { readonly offset: number }; readonly examples: number; readonly value: Float32Array }[],
  ): void {
    const expected = this.#examples.slice(0, position).reduce((sum, examples) => sum + examples, 0);
    for (const { spec, examples, value } of segments) {
      if (examples !== expected) throw this.#note(new Error(`${where}: a segment has learned ${examples} examples, the stream has ${expected} before it`));
      value.forEach((seen, i) => {
        const order = spec.offset + i;
        if (order >= this.#examples.length) return;
        const isRight = order >= position ? seen === 0 : this.#mode === 'asp' ? seen === 1 : seen > 0;
        if (!isRight) throw this.#note(new Error(`${where}: batch ${order} counts ${seen}; ${position} batches lie before it`));
      });
    }
  }

  #note(error: Error): Error {
    this.#violation ??= error;
    return error;
  }

  #scheduleDeaths(): void {
    const { deaths: given } = this.options;
    if (given !== undefined) {
      this.#scheduler.onMessage = (before) => {
        for (const { beforeMessage, who } of given) if (beforeMessage === before) this.#kill(who);
      };
      return;
    }
    const deaths = this.#random.int(0, 3);
    for (let i = 0; i < deaths; i++) {
      this.#scheduler.after(this.#random.next() * 150, () => {
        const who = this.#random.next();
        this.#kill(who < 0.5 ? 'worker' : who < 0.7 ? 'ps' : who < 0.75 ? 'job' : 'am');
      });
    }
  }

  #kill(who: Victim): void {
    if (who === 'worker') this.#killWorker();
    else if (who === 'am') this.#killAm();
    else this.#killRegion(who);
  }

  /** A worker dies; its lane lives on, and its successor repeats what was not acknowledged. */
  #killWorker(): void {
    const worker = this.#workers[this.#deathRandom.int(0, this.#workers.length - 1)]!;
    if (worker.hasEnded) return;
    this.#kills.worker++;
    worker.kill();
    const attempt = this.#attempt;
    this.#scheduler.after(this.#deathRandom.next() * 60, () => {
      if (this.#attempt === attempt) worker.start(attempt * 1000 + ++this.#restarts);
    });
  }

  /** A parameter server or the whole job dies: all goes back to the last cut, perhaps with other numbers of nodes. */
  #killRegion(who: 'ps' | 'job'): void {
    if (this.#am.isFinished) return;
    this.#kills[who]++;
    this.#attempt++;
    this.#am.kill();
    for (const worker of this.#workers) worker.discard();
    for (const shard of this.#shards) shard.membership.kill();
    this.#deploy();
  }

  #killAm(): void {
    const am = this.#am;
    const { incarnation } = am;
    this.#kills.am++;
    am.kill();
    this.#scheduler.after(this.#deathRandom.next() * 60, () => {
      if (this.#am === am && am.incarnation === incarnation) am.start();
    });
  }
}
