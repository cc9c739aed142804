/** Synchronous work behind an asynchronous contract: what it throws becomes a rejection. */
export function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
