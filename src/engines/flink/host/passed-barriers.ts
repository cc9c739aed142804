/**
 * Says when a barrier has passed a whole subtask: every operator has let it by, and all that was emitted before it has been
 * written. Until then the lanes that it has reached write nothing more, because that would belong behind it.
 *
 * ```
 * lane a   d d B ░░░░░░░░░░ d d        written: d d d d d │ PASSED │ d d …
 * lane b   d d (held) d B ──┘ d
 * operators ───► frozen ───┘
 * ```
 */
export class PassedBarriers {
  readonly #lanes: number;
  readonly #say: (cut: number) => void;
  #cut = -1;
  #reached = 0;
  #isFrozen = false;
  #decided = -1;

  /** @param say tells Java that the barrier has passed; what lanes write afterwards lies behind it */
  constructor(lanes: number, say: (cut: number) => void) {
    this.#lanes = lanes;
    this.#say = say;
  }

  /** Barriers up to this one have passed, or have been declined. */
  get decided(): number {
    return this.#decided;
  }

  /** A lane has written all that lies before the barrier. */
  reached(cut: number): void {
    this.#begin(cut);
    this.#reached++;
    this.#passIfAll();
  }

  /** All operators have frozen their state. */
  frozen(cut: number): void {
    this.#begin(cut);
    this.#isFrozen = true;
    this.#passIfAll();
  }

  /** An operator has declined: nobody waits for the others. @returns false where the barrier had passed before */
  declined(cut: number): boolean {
    if (cut <= this.#decided) return false;
    this.#decided = cut;
    return true;
  }

  #begin(cut: number): void {
    if (cut === this.#cut) return;
    this.#cut = cut;
    this.#reached = 0;
    this.#isFrozen = false;
  }

  #passIfAll(): void {
    if (!this.#isFrozen || this.#reached < this.#lanes || this.#cut <= this.#decided) return;
    this.#decided = this.#cut;
    this.#say(this.#cut);
  }
}
