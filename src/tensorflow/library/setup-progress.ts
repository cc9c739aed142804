/** The parts of a setup, in order. */
export type SetupStep = 'download' | 'check' | 'unpack' | 'compile' | 'place';

export interface SetupProgress {
  readonly step: SetupStep;
  readonly state: 'started' | 'running' | 'done';
  /** What is worked on, for people. */
  readonly detail: string;
  /** Bytes so far and in all, where the step has a size. */
  readonly bytes?: number;
  readonly totalBytes?: number;
}

export type OnSetupProgress = (progress: SetupProgress) => void;

/** Runs one step and tells its start and its end. */
export async function tellStep<T>(tell: OnSetupProgress, step: SetupStep, detail: string, work: () => Promise<T>): Promise<T> {
  tell({ step, state: 'started', detail });
  const result = await work();
  tell({ step, state: 'done', detail });
  return result;
}
