import type { Link } from './link.js';
import { linkKind } from './wire.js';

/** Credits go back a few at a time: each frame of them costs both sides something. */
export class Acknowledgements {
  /** Half of the large frames that Java has on their way; small ones are all there before the next turn of the event loop. */
  readonly #most = 2;
  readonly #link: Link;
  #count = 0;
  #done: (() => void)[] = [];
  #isScheduled = false;
  #isVoid = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** @param sent is called when Java has it, whatever happens to this thread; not for what comes after {@link Acknowledgements.end} */
  add(sent?: () => void): void {
    if (sent !== undefined) this.#done.push(sent);
    if (++this.#count >= this.#most) this.#send();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#send();
      });
    }
  }

  /** The subtask has failed: Java believes no more of them, and gives a successor all that it has not heard of. */
  end(): void {
    this.#isVoid = true;
  }

  #send(): void {
    if (this.#count === 0 || this.#isVoid) return;
    const done = this.#done.splice(0);
    this.#link.send({ kind: linkKind.ack, number: this.#count }, 0, undefined, () => {
      for (const sent of done) sent();
    });
    this.#count = 0;
  }
}
