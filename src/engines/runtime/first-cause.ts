import { decodeError, type EncodedError, type ErrorCode, type MillraceError } from '../../core/index.js';

/** Codes that usually tell of somebody else's end. */
export const echoes: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'CANCELLED', 'NODE_LOST', 'DEADLINE_EXCEEDED', 'NODE_FENCED']);

/**
 * Of all failures of a job, the one that came first. A peer often notices a death before its own report is here, so an
 * error that only says that a peer has gone yields to one that says why.
 */
export class FirstCause {
  #atMs = Infinity;
  #cause: MillraceError | undefined;
  #role: string | undefined;

  get cause(): MillraceError | undefined {
    return this.#cause;
  }

  /** Role of the node that failed; undefined for other operators. */
  get role(): string | undefined {
    return this.#role;
  }

  /** @param atMs when it was raised, on the machine's clock */
  add(failure: MillraceError | EncodedError, atMs: number, role?: string): void {
    const error = failure instanceof Error ? failure : decodeError(failure);
    const replaces =
      this.#cause === undefined ||
      (echoes.has(this.#cause.code) && !echoes.has(error.code)) ||
      (atMs < this.#atMs && echoes.has(this.#cause.code) === echoes.has(error.code));
    if (!replaces) return;
    this.#atMs = atMs;
    this.#cause = error;
    this.#role = role;
  }

  /** Of two attempts that end together. */
  merge(other: FirstCause): void {
    if (other.#cause !== undefined) this.add(other.#cause, other.#atMs, other.#role);
  }
}
