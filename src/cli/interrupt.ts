export interface InterruptActions {
  /** First SIGINT or SIGTERM. */
  readonly first: () => void;
  /** Any later one. */
  readonly second: () => void;
}

/** Routes Ctrl-C and SIGTERM while a job runs; returns what puts the defaults back. */
export function onInterrupt({ first, second }: InterruptActions): () => void {
  let seen = 0;
  const handler = (): void => {
    if (seen++ === 0) first();
    else second();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return () => {
    process.off('SIGINT', handler);
    process.off('SIGTERM', handler);
  };
}
