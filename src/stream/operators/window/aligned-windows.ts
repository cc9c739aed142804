import type { Key } from '../../state/key.js';
import { TimerQueue } from '../../time/timer-queue.js';
import type { ResolvedWindow } from '../../windows/window-spec.js';
import type { AccumulatorTable } from './kernel.js';
import { SlotMap } from './slot-map.js';
import type { GroupWriter, WindowScope, WindowStore } from './window-store.js';

/** A stretch of time that lies in the same windows from end to end, with an accumulator for each key seen in it. */
interface Pane {
  readonly start: number;
  /** Ends of the first and the last window that it lies in. */
  readonly firstEnd: number;
  readonly lastEnd: number;
  readonly slots: SlotMap;
  readonly table: AccumulatorTable;
}

interface PanePart {
  readonly start: number;
  /** Index of each entry's key in its group. */
  readonly keys: number[];
  readonly values: unknown;
}

/**
 * Tumbling and sliding windows.
 *
 * ```
 * sliding('3 h', '1 h')    panes      |  a  |  b  |  c  |  d  |        a row goes to one pane only;
 *                          windows    [-----------------)              a window that fires merges its panes
 *                                           [-----------------)
 * ```
 * Panes are as long as the greatest common divisor of size and slide. Accumulators that cannot be merged get a pane
 * per window instead, and a row goes to each.
 */
export class AlignedWindows implements WindowStore {
  readonly #scope: WindowScope;
  readonly #size: number;
  readonly #slide: number;
  readonly #offset: number;
  /** Whether a row goes to one pane, shared by windows. */
  readonly #isShared: boolean;
  readonly #paneMs: number;
  readonly #panes = new Map<number, Pane>();
  /** Ends of windows that hold something and have not fired; the slot is not used. */
  readonly #ends = new TimerQueue();
  /** By slot: panes that hold something of it. */
  #holders = new Int32Array(64);
  #nextCleanup = Infinity;

  constructor(scope: WindowScope, window: Extract<ResolvedWindow, { kind: 'aligned' }>) {
    this.#scope = scope;
    this.#size = window.sizeMs;
    this.#slide = window.slideMs;
    this.#offset = window.offsetMs;
    this.#isShared = scope.kernel.canMerge || window.sizeMs === window.slideMs;
    this.#paneMs = this.#isShared ? greatestCommonDivisor(window.sizeMs, window.slideMs) : window.sizeMs;
  }

  get nextEnd(): number {
    return this.#ends.earliest;
  }

  isLive(slot: number): boolean {
    return (this.#holders[slot] ?? 0) > 0;
  }

  add(slots: Int32Array, times: Float64Array, late: number[]): void {
    if (this.#isShared) this.#addToPanes(slots, times, late);
    else this.#addToEachWindow(slots, times, late);
  }

  /** Rows of one pane that follow each other are added together. */
  #addToPanes(slots: Int32Array, times: Float64Array, late: number[]): void {
    const entries = new Int32Array(slots.length);
    let pane: Pane | undefined;
    let from = NaN;
    let runStart = 0;
    for (let row = 0; row < slots.length; row++) {
      const time = times[row] as number;
      if (!(time >= from && time < from + this.#paneMs)) {
        pane?.table.add(runStart, row, entries);
        runStart = row;
        from = this.#floor(time, this.#paneMs);
        pane = this.#paneAt(from);
      }
      if (pane === undefined) {
        if (time + this.#scope.latenessMs <= this.#scope.time) late.push(row);
        continue;
      }
      entries[row] = this.#entryOf(pane, slots[row] as number);
      if (pane.firstEnd - 1 <= this.#scope.time) {
        pane.table.add(runStart, row + 1, entries);
        runStart = row + 1;
        this.#fireLate(pane, slots[row] as number);
      }
    }
    pane?.table.add(runStart, slots.length, entries);
  }

  #addToEachWindow(slots: Int32Array, times: Float64Array, late: number[]): void {
    const entries = new Int32Array(slots.length);
    for (let row = 0; row < slots.length; row++) {
      const time = times[row] as number;
      let isSkipped = true;
      for (let start = this.#floor(time, this.#slide); start > time - this.#size; start -= this.#slide) {
        const pane = this.#paneAt(start);
        if (pane === undefined) continue;
        isSkipped = false;
        entries[row] = this.#entryOf(pane, slots[row] as number);
        pane.table.add(row, row + 1, entries);
        if (pane.firstEnd - 1 <= this.#scope.time) this.#fireLate(pane, slots[row] as number);
      }
      if (isSkipped && time + this.#scope.latenessMs <= this.#scope.time) late.push(row);
    }
  }

  advance(): void {
    const { time, latenessMs } = this.#scope;
    while (this.#ends.earliest - 1 <= time) {
      const end = this.#ends.earliest;
      if (end === Infinity) break;
      this.#ends.pop();
      this.#fire(end);
    }
    if (this.#nextCleanup > time) return;
    this.#nextCleanup = Infinity;
    for (const pane of this.#panes.values()) {
      const cleanup = pane.lastEnd - 1 + latenessMs;
      if (cleanup > time) {
        this.#nextCleanup = Math.min(this.#nextCleanup, cleanup);
        continue;
      }
      this.#panes.delete(pane.start);
      for (let entry = 0; entry < pane.slots.size; entry++) this.#hold(pane.slots.slotAt(entry), -1);
    }
  }

  snapshot(groups: GroupWriter): void {
    for (const { start, slots, table } of this.#panes.values()) {
      const entriesByGroup = new Map<number, number[]>();
      for (let entry = 0; entry < slots.size; entry++) {
        const group = groups.groupOf(slots.slotAt(entry));
        const entries = entriesByGroup.get(group);
        if (entries === undefined) entriesByGroup.set(group, [entry]);
        else entries.push(entry);
      }
      for (const [group, entries] of entriesByGroup) {
        const part: PanePart = { start, keys: entries.map((entry) => groups.indexOf(slots.slotAt(entry))), values: table.encode(entries) };
        groups.group(group).parts.push(part);
      }
    }
  }

  restore(part: unknown, slots: readonly number[]): void {
    const { start, keys, values } = part as PanePart;
    const pane = this.#paneAt(start);
    // Late already, by a watermark of another chunk: what it holds can never fire again.
    if (pane === undefined) return;
    pane.table.decode(
      values,
      keys.map((key) => this.#entryOf(pane, slots[key] as number)),
    );
  }

  /** The pane that begins at `start`, new where needed; undefined where all its windows are late or there are none. */
  #paneAt(start: number): Pane | undefined {
    const held = this.#panes.get(start);
    if (held !== undefined) return held;
    const { time, latenessMs, kernel } = this.#scope;
    const ends = this.#windowEnds(start);
    const lastEnd = ends[0];
    if (lastEnd === undefined || lastEnd - 1 + latenessMs <= time) return undefined;
    const pane = { start, firstEnd: ends.at(-1) as number, lastEnd, slots: new SlotMap(), table: kernel.createTable() };
    this.#panes.set(start, pane);
    this.#nextCleanup = Math.min(this.#nextCleanup, lastEnd - 1 + latenessMs);
    for (const end of ends) if (end - 1 > time) this.#ends.add(end, 0);
    return pane;
  }

  /** Ends of the windows that a pane lies in, last one first. */
  #windowEnds(start: number): number[] {
    if (!this.#isShared) return [start + this.#size];
    const ends: number[] = [];
    for (let from = this.#floor(start, this.#slide); from > start - this.#size; from -= this.#slide) ends.push(from + this.#size);
    return ends;
  }

  #entryOf(pane: Pane, slot: number): number {
    const known = pane.slots.size;
    const entry = pane.slots.entryOf(slot);
    if (entry === known) this.#hold(slot, 1);
    return entry;
  }

  #hold(slot: number, change: number): void {
    if (slot >= this.#holders.length) {
      const grown = new Int32Array(Math.max(slot + 1, this.#holders.length * 2));
      grown.set(this.#holders);
      this.#holders = grown;
    }
    this.#holders[slot] = (this.#holders[slot] as number) + change;
  }

  #panesOf(end: number): Pane[] {
    const panes: Pane[] = [];
    for (let start = end - this.#size; start < end; start += this.#paneMs) {
      const pane = this.#panes.get(start);
      if (pane !== undefined) panes.push(pane);
    }
    return panes;
  }

  #fire(end: number): void {
    const panes = this.#panesOf(end);
    const [only] = panes;
    if (panes.length === 1 && only !== undefined) {
      this.#emitAll(only.table, only.slots, end);
      return;
    }
    const slots = new SlotMap();
    const table = this.#scope.kernel.createTable();
    for (const pane of panes) {
      for (let entry = 0; entry < pane.slots.size; entry++) table.merge(slots.entryOf(pane.slots.slotAt(entry)), pane.table, entry);
    }
    this.#emitAll(table, slots, end);
  }

  #emitAll(table: AccumulatorTable, slots: SlotMap, end: number): void {
    for (let entry = 0; entry < slots.size; entry++) this.#emit(table, entry, slots.slotAt(entry), end);
  }

  #emit(table: AccumulatorTable, entry: number, slot: number, end: number): void {
    const { kernel, keys, time } = this.#scope;
    const key: Key = keys.keyOf(slot);
    kernel.emit(table, entry, { key, start: end - this.#size, end }, time);
  }

  /** A row came to windows of this pane that have fired and are not late yet: they fire again, for its key. */
  #fireLate(pane: Pane, slot: number): void {
    const { time, latenessMs, kernel } = this.#scope;
    for (const end of this.#windowEnds(pane.start).reverse()) {
      if (end - 1 > time || end - 1 + latenessMs <= time) continue;
      const panes = this.#panesOf(end).filter(({ slots }) => slots.find(slot) >= 0);
      const [only] = panes;
      if (panes.length === 1 && only !== undefined) {
        this.#emit(only.table, only.slots.find(slot), slot, end);
        continue;
      }
      const table = kernel.createTable();
      for (const { table: from, slots } of panes) table.merge(0, from, slots.find(slot));
      this.#emit(table, 0, slot, end);
    }
  }

  #floor(time: number, step: number): number {
    return Math.floor((time - this.#offset) / step) * step + this.#offset;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
