import assert from 'node:assert/strict';
import { describeCase, type ChaosCase } from './cases.js';
import type { Grounds } from './ground.js';
import { runCase, type ChaosResult } from './run-case.js';

/**
 * Runs cases and holds the weights of a network, learned in `bsp` from one order of records, against those of a run that
 * nothing happens to: they must be the same bit by bit.
 */
export class WeightJudge {
  readonly #grounds: Grounds | undefined;
  /** Hash of the weights by everything that they depend on. */
  readonly #calm = new Map<string, string>();

  constructor(grounds: Grounds | undefined) {
    this.#grounds = grounds;
  }

  async run(chaos: ChaosCase): Promise<ChaosResult> {
    const result = await runCase(chaos, this.#grounds);
    if (chaos.model !== 'network') return result;
    const { through, workers, servers, records } = chaos;
    const key = [through, workers, servers, records].join(' ');
    let expected = this.#calm.get(key);
    if (expected === undefined) {
      ({ weights: expected } = await runCase({ ...chaos, hitsAt: [] }, this.#grounds));
      this.#calm.set(key, expected);
    }
    assert.equal(result.weights, expected, `${describeCase(chaos)}\nthe weights are not those of a run without faults`);
    return result;
  }
}
