import { deferred } from '../../core/index.js';

/** What feeds {@link latestOf}. */
export interface LatestSink<T> {
  value(value: T): void;
  failed(error: unknown): void;
}

/** The newest value of a feed whenever asked for: values that nobody asked for in time are dropped. Ends with `signal`. */
export async function* latestOf<T>(signal: AbortSignal, subscribe: (sink: LatestSink<T>) => { stop(): void }): AsyncGenerator<T> {
  let newest: { readonly value: T } | undefined;
  let failure: { readonly error: unknown } | undefined;
  let changed = deferred();
  const wake = (): void => changed.resolve();
  const subscription = subscribe({
    value: (value) => {
      newest = { value };
      wake();
    },
    failed: (error) => {
      failure = { error };
      wake();
    },
  });
  signal.addEventListener('abort', wake, { once: true });
  try {
    for (;;) {
      if (newest === undefined && failure === undefined && !signal.aborted) await changed.promise;
      changed = deferred();
      const next = newest;
      newest = undefined;
      if (next !== undefined) yield next.value;
      else if (signal.aborted) return;
      else if (failure !== undefined) throw failure.error;
    }
  } finally {
    signal.removeEventListener('abort', wake);
    subscription.stop();
  }
}
