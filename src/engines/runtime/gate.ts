/** Where a subtask takes what comes to it from other subtasks: what it takes goes to its head at once. */
export interface Gate {
  /** Ends what had ended before this deployment. Once, before anything is taken. */
  start(): void;
  /** Upstream subtasks, each along each of its edges. */
  readonly channelCount: number;
  readonly allEnded: boolean;
  /** Takes one frame and delivers what follows from it. Its memory stays valid until {@link release}. @returns false where there is none */
  take(): boolean;
  /** Gives the memory of the last taken frame back to its producer. */
  release(): void;
  /** The cut will not be: whoever waits for its barriers goes on. */
  abort(cut: number): void;
}
