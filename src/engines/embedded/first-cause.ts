import { decodeError, type EncodedError, type ErrorCode, type MillraceError } from '../../core/index.js';

/** Codes that usually tell of somebody else's end. */
const echoes: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'CANCELLED', 'NODE_LOST', 'DEADLINE_EXCEEDED', 'NODE_FENCED']);

/**
 * Of all failures of a job, the one that came first. A peer often notices a death before its own report is here, so an
 * error that only says that a peer has gone yields to one that says why.
 */
export class FirstCause {
  #atMs = Infinity;
  #cause: MillraceError | undefined;

  get cause(): MillraceError | undefined {
    return this.#cause;
  }

  /** @param atMs when it was raised, on the machine's clock */
  add(failure: MillraceError | EncodedError, atMs: number): void {
    const error = failure instanceof Error ? failure : decodeError(failure);
    const replaces =
      this.#cause === undefined ||
      (echoes.has(this.#cause.code) && !echoes.has(error.code)) ||
      (atMs < this.#atMs && echoes.has(this.#cause.code) === echoes.has(error.code));
    if (!replaces) return;
    this.#atMs = atMs;
    this.#cause = error;
  }
}
