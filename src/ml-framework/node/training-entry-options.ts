import type { Execution } from '../../tensorflow/model/trainable.js';

export interface TrainingEntryOptions {
  readonly cluster: string;
  readonly seed: number;
  readonly execution: Execution;
  readonly mode: 'bsp' | 'asp';
  /** True where the stream carries the phase and order columns of a label delay. */
  readonly isDelayed: boolean;
  readonly parameterServers: number;
  readonly publishEverySteps: number;
  /** 0: by steps only. */
  readonly publishEveryMs: number;
  readonly metricsEverySteps: number;
}
