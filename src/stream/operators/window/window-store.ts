import type { KeyIndex } from '../../state/key-index.js';
import type { Key } from '../../state/key.js';
import type { WindowKernel } from './kernel.js';

/**
 * What the windows of one subtask share. `time` is the last time known to have passed, in ms: the watermark, or for
 * processing time the clock minus one. A window has fired where end - 1 <= time, and is late where
 * end - 1 + latenessMs <= time.
 */
export interface WindowScope {
  readonly kernel: WindowKernel;
  readonly keys: KeyIndex;
  readonly latenessMs: number;
  time: number;
}

/** The windows of one subtask: which there are, what they hold, when they fire. */
export interface WindowStore {
  /** End of the next window to fire; Infinity where there is none. */
  readonly nextEnd: number;
  /** Adds the rows of the bound batch; rows whose windows are all late go to `late`, by index. */
  add(slots: Int32Array, times: Float64Array, late: number[]): void;
  /** `scope.time` has risen: fires windows in order of their ends, then forgets late ones. */
  advance(): void;
  /** Whether any window holds something of this key. */
  isLive(slot: number): boolean;
  snapshot(groups: GroupWriter): void;
  restore(part: unknown, slots: readonly number[]): void;
}

/** Collects state by key group; a key is named by its index in its group. */
export class GroupWriter {
  readonly groups = new Map<number, { keys: Key[]; parts: unknown[] }>();
  readonly #indexes: Int32Array;

  constructor(private readonly keys: KeyIndex) {
    this.#indexes = new Int32Array(keys.slotCount).fill(-1);
  }

  group(keyGroup: number): { keys: Key[]; parts: unknown[] } {
    let group = this.groups.get(keyGroup);
    if (group === undefined) this.groups.set(keyGroup, (group = { keys: [], parts: [] }));
    return group;
  }

  groupOf(slot: number): number {
    return this.keys.groupOf(slot);
  }

  indexOf(slot: number): number {
    let index = this.#indexes[slot] as number;
    if (index < 0) this.#indexes[slot] = index = this.group(this.keys.groupOf(slot)).keys.push(this.keys.keyOf(slot)) - 1;
    return index;
  }
}
