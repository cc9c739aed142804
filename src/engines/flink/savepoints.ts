import type { CheckpointInfo } from '../../stream/checkpoint.js';
import { checkpointInfo } from './checkpoint-status.js';
import type { FlinkCluster } from './cluster.js';
import type { ResolvedFlinkEngineOptions } from './options.js';
import { pause } from './pause.js';
import { toUri } from './uri.js';

const describeTimeoutMs = 5_000;

/** Savepoints of Flink's, by request and at a stop. `target` is a directory; default: the job's, or that of the cluster. */
export class Savepoints {
  readonly #cluster: FlinkCluster;
  readonly #options: ResolvedFlinkEngineOptions;

  constructor({ cluster, options }: { readonly cluster: FlinkCluster; readonly options: ResolvedFlinkEngineOptions }) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async take(flinkId: string, target: string | undefined): Promise<CheckpointInfo> {
    const startedAtMs = Date.now();
    return this.#describe(flinkId, await this.#cluster.savepoint(flinkId, this.#directory(target)), startedAtMs);
  }

  /** Stops the job with one, its event time where it is. */
  async suspend(flinkId: string, target: string | undefined): Promise<CheckpointInfo> {
    const startedAtMs = Date.now();
    return this.#describe(flinkId, await this.stop(flinkId, { drain: false, target }), startedAtMs);
  }

  /** @returns path of the savepoint; one of a drained job has nothing left to go on with */
  stop(flinkId: string, { drain, target }: { readonly drain: boolean; readonly target?: string | undefined }): Promise<string> {
    return this.#cluster.stop(flinkId, drain, this.#directory(target));
  }

  /** Flink shows a new savepoint some seconds later (web.refresh-interval); its path is known before. */
  async #describe(flinkId: string, location: string, startedAtMs: number): Promise<CheckpointInfo> {
    const deadline = Date.now() + describeTimeoutMs;
    const known = { takenAtMs: startedAtMs, writeMs: Date.now() - startedAtMs, kind: 'savepoint', location: toUri(location) } as const;
    for (;;) {
      const { latest } = await this.#cluster.checkpoints(flinkId);
      const found = latest.savepoint === null ? undefined : checkpointInfo(latest.savepoint);
      if (found?.location === known.location) return found;
      if (Date.now() > deadline) return { number: 0, bytes: 0, ...known };
      await pause(this.#options.pollIntervalMs / 4);
    }
  }

  #directory(target: string | undefined): string | undefined {
    if (target !== undefined) return toUri(target);
    const { checkpointDirectory } = this.#options;
    return checkpointDirectory === undefined ? undefined : `${toUri(checkpointDirectory).replace(/\/+$/, '')}/savepoints`;
  }
}
