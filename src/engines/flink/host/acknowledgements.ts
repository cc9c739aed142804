import type { Link } from './link.js';
import { linkKind } from './wire.js';

/** Credits go back a few at a time: each is a call into the kernel. */
export class Acknowledgements {
  /** Half of what Java has on its way. */
  readonly #most = 2;
  readonly #link: Link;
  #count = 0;
  #done: (() => void)[] = [];
  #isScheduled = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** @param sent is called when Java will hear of it, whatever happens to this thread */
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

  #send(): void {
    if (this.#count === 0) return;
    const done = this.#done.splice(0);
    this.#link.send({ kind: linkKind.ack, number: this.#count }, 0, undefined, () => {
      for (const sent of done) sent();
    });
    this.#count = 0;
  }
}
