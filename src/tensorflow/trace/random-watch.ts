/** How a constant was drawn by one of tfjs's random operations: enough to draw the same numbers again. */
export interface RandomOrigin {
  readonly distribution: Distribution;
  /** Seed of tfjs's generator, as text. */
  readonly seed: string;
  /** True where the caller gave the seed. */
  readonly isSeeded: boolean;
}

export type Distribution = 'uniform' | 'normal' | 'truncatedNormal';

const distributions: ReadonlyMap<string, Distribution> = new Map([
  ['randomUniform', 'uniform'],
  ['randomNormal', 'normal'],
  ['truncatedNormal', 'truncatedNormal'],
]);

/**
 * Watches tfjs's random operations while a function runs: inside their scopes the seed of the generator is seen on its
 * way (its generator takes it as text, character by character), and Math.random gives known numbers, so that two runs draw different values on purpose.
 */
export class RandomWatch {
  readonly #random: () => number;
  #open: { readonly distribution: Distribution; seed: string | undefined; isSeeded: boolean } | undefined;
  readonly #outer: { readonly random: () => number; readonly charCodeAt: (this: string, at: number) => number };

  /** @param salt differs from run to run */
  constructor(salt: number) {
    let count = 0;
    // Weyl sequence: equidistributed, no two numbers alike, nothing to seed.
    this.#random = () => (salt * 0.754_877_666_246_69 + ++count * 0.618_033_988_749_895) % 1;
    this.#outer = { random: Math.random, charCodeAt: String.prototype.charCodeAt };
  }

  enter(scope: string): void {
    const distribution = distributions.get(scope);
    if (distribution === undefined || this.#open !== undefined) return;
    const open = { distribution, seed: undefined as string | undefined, isSeeded: true };
    this.#open = open;
    const { charCodeAt } = this.#outer;
    Math.random = () => {
      open.isSeeded = false;
      return this.#random();
    };
    String.prototype.charCodeAt = function (this: string, at: number): number {
      // The generator mixes in blanks first.
      if (open.seed === undefined && this !== ' ') open.seed = this;
      return charCodeAt.call(this, at);
    };
  }

  leave(scope: string): void {
    if (!distributions.has(scope) || this.#open?.distribution !== distributions.get(scope)) return;
    this.#open = undefined;
    Math.random = this.#outer.random;
    String.prototype.charCodeAt = this.#outer.charCodeAt;
  }

  /** The origin of values that are being written now. */
  current(): RandomOrigin | undefined {
    if (this.#open?.seed === undefined) return undefined;
    const { distribution, seed, isSeeded } = this.#open;
    return { distribution, seed, isSeeded };
  }
}
