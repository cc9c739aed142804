import type { MillraceError } from '../../core/index.js';
import type { JobSubmission } from '../../stream/engine.js';
import type { JobGraph } from '../../stream/job-graph.js';
import { describeGraph } from '../../stream/planner/index.js';
import type { FromSubtask } from '../runtime/protocol.js';
import type { RecoveryPoint } from './checkpointing.js';
import { JobAttempt } from './job-attempt.js';
import type { ResolvedEmbeddedEngineOptions } from './options.js';
import type { JobTask } from './protocol.js';
import { isIn, type Region } from './regions/regions.js';
import type { RestartPolicy } from './restart-policy.js';
import type { SubtaskHandle } from './subtask-handle.js';
import type { SubtaskHosts } from './subtask-host.js';

/** What scaling changes. */
export interface JobShape {
  readonly plan: JobGraph;
  readonly overrides: Readonly<Record<string, number>>;
}

export interface DeployerParts {
  readonly submission: JobSubmission;
  readonly options: ResolvedEmbeddedEngineOptions;
  readonly hosts: SubtaskHosts;
  readonly policy: RestartPolicy;
  /** Number of the newest cut that was begun. */
  readonly lastCut: () => number;
  readonly onMessage: (handle: SubtaskHandle, message: FromSubtask) => void;
  readonly onLost: (handle: SubtaskHandle, error: MillraceError) => void;
  /** Not all of it has opened in time. */
  readonly onLate: (attempt: JobAttempt, error: MillraceError) => void;
}

/** Deploys regions of one job in its present shape, and numbers what it deploys. */
export class JobDeployer {
  readonly #parts: DeployerParts;
  #shape: JobShape;
  #attempts = 0;

  constructor(parts: DeployerParts, shape: JobShape) {
    this.#parts = parts;
    this.#shape = shape;
  }

  get shape(): JobShape {
    return this.#shape;
  }

  get plan(): JobGraph {
    return this.#shape.plan;
  }

  /** Deployments of anything after the first one of all. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Number for the next deployment of anything: the lease epoch of its nodes. */
  nextAttempt(): number {
    return ++this.#attempts;
  }

  /** What is deployed from now on. */
  reshape(shape: JobShape): void {
    this.#shape = shape;
  }

  /** @param kept subtasks of the job that have ended and stay as they are */
  deploy(region: Region, point: RecoveryPoint | undefined, kept: readonly SubtaskHandle[]): JobAttempt {
    const { options, hosts, policy, lastCut, onMessage, onLost, onLate } = this.#parts;
    const request = {
      ...{ job: this.#task(), plan: this.plan, region, attempt: this.#attempts, restored: point?.state },
      kept: kept.filter(({ vertex }) => isIn(region, vertex)),
      ...{ scopeOf: (role: string) => policy.scopeOf(role), onMessage, onLost },
    };
    const attempt = new JobAttempt(hosts, request, lastCut());
    attempt.watchStart(options.startTimeoutMs, (error) => onLate(attempt, error));
    return attempt;
  }

  #task(): JobTask {
    const { submission, options } = this.#parts;
    const { id, name, bundle, params, parallelism, keyGroups } = submission;
    const { plan, overrides } = this.#shape;
    return {
      ...{ id, name, params, parallelism, keyGroups, bundle, overrides, options },
      ...{ fingerprint: plan.fingerprint, description: describeGraph(plan), hangTimeoutMs: submission.hangTimeoutMs },
    };
  }
}
