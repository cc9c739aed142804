import { MillraceError } from '../../core/index.js';
import type { NodeInfo } from '../../ml-framework/cluster/node-info.js';
import { ClusterManager } from '../../roles/am/index.js';
import { Pipe } from './pipe.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

const beatMs = 50;
const tickMs = 50;

/** The application manager of one deployment; may die, and a successor knows nothing of its nodes. */
export class SimulatedAm {
  #manager!: ClusterManager;
  #isAlive = false;
  incarnation = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly expected: Readonly<Record<string, number>>,
  ) {
    this.start();
  }

  start(): void {
    this.incarnation++;
    this.#isAlive = true;
    const policy = { name: 'simulated', finishPolicy: 'allWorkers', heartbeatTimeoutMs: 1_000, registrationDeadlineMs: 1_000 } as const;
    this.#manager = new ClusterManager(policy, this.expected, this.scheduler.now(), () => undefined);
    this.#tick(this.incarnation);
  }

  kill(): void {
    this.#isAlive = false;
  }

  get isFinished(): boolean {
    return this.#isAlive && this.#manager.snapshot.state === 'finished';
  }

  /** What the cluster failed with. */
  get cause(): MillraceError | undefined {
    return this.#manager.cause;
  }

  /** @returns what a node would be answered: undefined where nobody is there */
  receive(event: 'register' | 'beat' | 'finish', node: NodeInfo): { readonly isRunning: boolean; readonly mustRegister: boolean } | undefined {
    if (!this.#isAlive) return undefined;
    try {
      if (event === 'register') this.#manager.register(node, this.scheduler.now());
      else if (event === 'beat') this.#manager.beat(node, this.scheduler.now());
      else this.#manager.finish(node);
    } catch (thrown) {
      if (MillraceError.from(thrown).code === 'NODE_FENCED') return { isRunning: false, mustRegister: true };
      throw thrown;
    }
    return { isRunning: this.#manager.snapshot.state !== 'forming', mustRegister: false };
  }

  #tick(incarnation: number): void {
    if (!this.#isAlive || this.incarnation !== incarnation) return;
    this.#manager.tick(this.scheduler.now());
    this.scheduler.after(tickMs, () => this.#tick(incarnation));
  }
}

/** A node's side: registers, beats, and does so again with a successor of the manager. */
export class SimulatedMembership {
  readonly #up: Pipe<'register' | 'beat' | 'finish'>;
  readonly #down: Pipe<{ readonly isRunning: boolean; readonly mustRegister: boolean }>;
  #hasFinished = false;
  #isAlive = true;
  #onRunning: (() => void) | undefined;

  constructor(am: SimulatedAm, node: NodeInfo, scheduler: Scheduler, random: Random) {
    this.#down = new Pipe(scheduler, random, 3, ({ isRunning, mustRegister }) => {
      if (mustRegister) {
        this.#up.send('register');
        if (this.#hasFinished) this.#up.send('finish');
      }
      if (isRunning) this.#onRunning?.();
    });
    this.#up = new Pipe(scheduler, random, 3, (event) => {
      const answer = am.receive(event, node);
      if (answer !== undefined) this.#down.send(answer);
    });
    const beat = (): void => {
      if (!this.#isAlive) return;
      this.#up.send('beat');
      scheduler.after(beatMs, beat);
    };
    this.#up.send('register');
    beat();
  }

  running(): Promise<void> {
    return new Promise((resolve) => (this.#onRunning = resolve));
  }

  finish(): void {
    this.#hasFinished = true;
    this.#up.send('finish');
  }

  kill(): void {
    this.#isAlive = false;
    this.#up.cut();
    this.#down.cut();
  }
}
