import { MillraceError } from '../../core/errors.js';
import type { StateChunk, SubtaskContext } from '../subtask.js';
import { TimerQueue } from '../time/timer-queue.js';
import { createCell, type CurrentSlot, type StateCell } from './cells.js';
import type { StateDescriptors } from './descriptors.js';
import { GatheredRecords } from './gathered-records.js';
import { GroupKeys } from './group-keys.js';
import { GroupPlaces, pick } from './group-places.js';
import { KeyIndex } from './key-index.js';
import type { Key } from './key.js';
import { decodeGroup, GroupEncoder, type EncodableColumn, type GroupState } from './group-state.js';

/**
 * The keyed state of one subtask: slots of keys, a cell per declared state, timers, and the watermark.
 *
 * Snapshots encode everything at the barrier: values are live objects that user functions change in place, so there is
 * no moment after it at which they are still what they were, and a copy would cost as much as the encoding. So the encoding
 * has to be cheap: see column-format.ts and gathered-records.ts.
 *
 * The watermark is part of it so that what was late before a restore is late after it.
 */
export class KeyedState implements CurrentSlot {
  /** The key that the handles look at. */
  slot = 0;
  watermark = -Infinity;
  readonly keys: KeyIndex;
  readonly eventTimers = new TimerQueue();
  readonly processingTimers = new TimerQueue();
  readonly #cells: ReadonlyMap<string, StateCell>;
  readonly #context: SubtaskContext;
  readonly #encoder: GroupEncoder;
  readonly #gathered: ReadonlyMap<string, GatheredRecords>;
  /** By key group, as of the last snapshot; of use until a slot is given to another key. */
  #groupKeys: GroupKeys[] = [];
  #reused = 0;

  constructor(context: SubtaskContext, descriptors: StateDescriptors) {
    this.#context = context;
    this.#encoder = new GroupEncoder(context.operator.name);
    this.#cells = new Map(Object.entries(descriptors).map(([name, descriptor]) => [name, createCell(descriptor, this)]));
    this.#gathered = new Map([...this.#cells.keys()].map((name) => [name, new GatheredRecords()]));
    const cells = [...this.#cells.values()];
    this.keys = new KeyIndex({
      keyGroups: context.keyGroups.total,
      isLive: (slot) => cells.some((cell) => cell.values[slot] !== undefined) || this.eventTimers.countOf(slot) > 0 || this.processingTimers.countOf(slot) > 0,
    });
  }

  handles(): Record<string, StateCell['handle']> {
    return Object.fromEntries([...this.#cells].map(([name, cell]) => [name, cell.handle]));
  }

  /** One chunk for each key group that has something to keep. */
  snapshot(): StateChunk[] {
    const { from, to, total } = this.#context.keyGroups;
    const places = new GroupPlaces(this.keys, total);
    const eventTimers = this.#timersOf(this.eventTimers, places);
    const processingTimers = this.#timersOf(this.processingTimers, places);
    const gathered = new Map([...this.#gathered].filter(([name, records]) => records.gather(this.#cells.get(name)!.values, places)));
    if (this.keys.reused > this.#reused) this.#groupKeys = [];
    this.#reused = this.keys.reused;
    const keyOf = (slot: number): Key => this.keys.keyOf(slot);
    const chunks: StateChunk[] = [];
    for (let keyGroup = 0; keyGroup < total; keyGroup++) {
      const slots = places.slotsOf(keyGroup);
      // A group without keys keeps the watermark.
      const keepsWatermark = this.watermark > -Infinity && keyGroup >= from && keyGroup < to;
      if (slots.length === 0 && !keepsWatermark) continue;
      const stateOf = ([name, { values }]: [string, StateCell]): [string, EncodableColumn] => {
        const records = gathered.get(name);
        return [name, records === undefined ? pick(slots, (slot) => values[slot]) : (writer) => records.write(writer, keyGroup)];
      };
      const bytes = this.#encoder.encode({
        keys: (writer) => (this.#groupKeys[keyGroup] ??= new GroupKeys()).write(writer, slots, keyOf),
        state: Object.fromEntries([...this.#cells].map(stateOf)),
        eventTimers: eventTimers.get(keyGroup) ?? [],
        processingTimers: processingTimers.get(keyGroup) ?? [],
        watermark: this.watermark,
      });
      chunks.push({ keyGroup, bytes, isGiven: true });
    }
    return chunks;
  }

  restore(chunks: readonly StateChunk[]): void {
    const { name } = this.#context.operator;
    const watermarks: number[] = [];
    for (const chunk of chunks) {
      const group = decodeGroup(chunk, name);
      watermarks.push(group.watermark);
      this.#refuseUnknown(group);
      const slots = this.keys.slotsOfKeys(group.keys);
      for (const [cellName, cell] of this.#cells) {
        // A state declared since the cut starts empty.
        const values = group.state[cellName] ?? [];
        slots.forEach((slot, i) => (cell.values[slot] = values[i]));
      }
      restoreTimers(group.eventTimers, slots, this.eventTimers);
      restoreTimers(group.processingTimers, slots, this.processingTimers);
    }
    if (watermarks.length > 0) this.watermark = Math.min(...watermarks);
  }

  /** Pairs (rank of the key in its group, time) by key group. */
  #timersOf(timers: TimerQueue, places: GroupPlaces): Map<number, number[]> {
    const pairs = new Map<number, number[]>();
    if (timers.size === 0) return pairs;
    const ranks = places.ranks();
    timers.forEach((time, slot) => {
      const group = this.keys.groupOf(slot);
      const own = pairs.get(group);
      if (own === undefined) pairs.set(group, [ranks[slot]!, time]);
      else own.push(ranks[slot]!, time);
    });
    return pairs;
  }

  #refuseUnknown(group: GroupState): void {
    const unknown = Object.keys(group.state).filter((name) => !this.#cells.has(name));
    if (unknown.length === 0) return;
    throw new MillraceError(
      'STATE_INVALID',
      `${this.#context.operator.name}: the restored state has ${unknown.join(', ')}, which the operator no longer declares; declare it again, or give the operator another uid to start without state`,
    );
  }
}

function restoreTimers(pairs: readonly number[], slots: readonly number[], timers: TimerQueue): void {
  for (let i = 0; i < pairs.length; i += 2) timers.add(pairs[i + 1] as number, slots[pairs[i] as number] as number);
}
