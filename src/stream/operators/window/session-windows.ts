import { TimerQueue } from '../../time/timer-queue.js';
import type { AccumulatorTable } from './kernel.js';
import type { GroupWriter, WindowScope, WindowStore } from './window-store.js';

interface Session {
  start: number;
  end: number;
  readonly entry: number;
}

interface SessionPart {
  readonly keys: number[];
  readonly starts: number[];
  readonly ends: number[];
  readonly values: unknown;
}

/**
 * Session windows: a row opens [time, time + gap), and windows of one key that overlap or touch become one.
 *
 * A session that has fired stays for the allowed lateness; a row that comes to it then fires it again at once, or, where
 * it moves the end beyond the current time, makes it fire at its new end.
 */
export class SessionWindows implements WindowStore {
  readonly #scope: WindowScope;
  readonly #gap: number;
  readonly #table: AccumulatorTable;
  readonly #freeEntries: number[] = [];
  #entryCount = 0;
  /** By slot, in order of start. */
  readonly #sessions: (Session[] | undefined)[] = [];
  readonly #ends = new TimerQueue();
  /** Ends of sessions, for forgetting them when they are late. */
  readonly #cleanups = new TimerQueue();

  constructor(scope: WindowScope, gapMs: number) {
    this.#scope = scope;
    this.#gap = gapMs;
    this.#table = scope.kernel.createTable();
  }

  get nextEnd(): number {
    return this.#ends.earliest;
  }

  isLive(slot: number): boolean {
    return this.#sessions[slot] !== undefined;
  }

  add(slots: Int32Array, times: Float64Array, late: number[]): void {
    const { time: now, latenessMs } = this.#scope;
    const entries = new Int32Array(slots.length);
    for (let row = 0; row < slots.length; row++) {
      const slot = slots[row] as number;
      const time = times[row] as number;
      const session = this.#sessionFor(slot, time);
      if (session === undefined) {
        if (time + latenessMs <= now) late.push(row);
        continue;
      }
      entries[row] = session.entry;
      this.#table.add(row, row + 1, entries);
      if (session.end - 1 <= now) this.#emit(slot, session);
    }
  }

  advance(): void {
    const { time, latenessMs } = this.#scope;
    for (let end = this.#ends.earliest; this.#ends.size > 0 && end - 1 <= time; end = this.#ends.earliest) {
      const slot = this.#ends.earliestSlot;
      this.#ends.pop();
      const session = this.#sessions[slot]?.find((held) => held.end === end);
      if (session !== undefined) this.#emit(slot, session);
    }
    for (let end = this.#cleanups.earliest; this.#cleanups.size > 0 && end - 1 + latenessMs <= time; end = this.#cleanups.earliest) {
      const slot = this.#cleanups.earliestSlot;
      this.#cleanups.pop();
      const session = this.#sessions[slot]?.find((held) => held.end === end);
      if (session !== undefined) this.#forget(slot, session);
    }
  }

  snapshot(groups: GroupWriter): void {
    const parts = new Map<number, { keys: number[]; sessions: Session[] }>();
    this.#sessions.forEach((sessions, slot) => {
      if (sessions === undefined) return;
      const group = groups.groupOf(slot);
      let part = parts.get(group);
      if (part === undefined) parts.set(group, (part = { keys: [], sessions: [] }));
      for (const session of sessions) {
        part.keys.push(groups.indexOf(slot));
        part.sessions.push(session);
      }
    });
    for (const [group, { keys, sessions }] of parts) {
      const part: SessionPart = {
        keys,
        starts: sessions.map(({ start }) => start),
        ends: sessions.map(({ end }) => end),
        values: this.#table.encode(sessions.map(({ entry }) => entry)),
      };
      groups.group(group).parts.push(part);
    }
  }

  restore(part: unknown, slots: readonly number[]): void {
    const { keys, starts, ends, values } = part as SessionPart;
    const entries = keys.map((key, i) => {
      const slot = slots[key] as number;
      const session = { start: starts[i] as number, end: ends[i] as number, entry: this.#newEntry() };
      (this.#sessions[slot] ??= []).push(session);
      this.#schedule(slot, session);
      return session.entry;
    });
    this.#table.decode(values, entries);
  }

  /** The session that takes a row at `time`, with all that it brings together; undefined where it would be late. */
  #sessionFor(slot: number, time: number): Session | undefined {
    const sessions = this.#sessions[slot];
    let start = time;
    let end = time + this.#gap;
    const touching = sessions?.filter((held) => held.start <= end && held.end >= start) ?? [];
    const [first, ...others] = touching;
    if (first === undefined) {
      if (end - 1 + this.#scope.latenessMs <= this.#scope.time) return undefined;
      const session = { start, end, entry: this.#newEntry() };
      if (sessions === undefined) this.#sessions[slot] = [session];
      else sessions.splice(sessions.filter((held) => held.start < start).length, 0, session);
      this.#schedule(slot, session);
      return session;
    }
    for (const held of touching) {
      start = Math.min(start, held.start);
      end = Math.max(end, held.end);
    }
    for (const other of others) {
      this.#table.merge(first.entry, this.#table, other.entry);
      this.#unschedule(slot, other);
      this.#forget(slot, other);
    }
    first.start = start;
    if (first.end !== end) {
      this.#unschedule(slot, first);
      first.end = end;
      this.#schedule(slot, first);
    }
    return first;
  }

  #schedule(slot: number, { end }: Session): void {
    if (end - 1 > this.#scope.time) this.#ends.add(end, slot);
    this.#cleanups.add(end, slot);
  }

  #unschedule(slot: number, { end }: Session): void {
    this.#ends.delete(end, slot);
    this.#cleanups.delete(end, slot);
  }

  #forget(slot: number, session: Session): void {
    const rest = (this.#sessions[slot] as Session[]).filter((held) => held !== session);
    this.#sessions[slot] = rest.length === 0 ? undefined : rest;
    this.#table.clear(session.entry);
    this.#freeEntries.push(session.entry);
  }

  #newEntry(): number {
    return this.#freeEntries.pop() ?? this.#entryCount++;
  }

  #emit(slot: number, { start, end, entry }: Session): void {
    const { kernel, keys, time } = this.#scope;
    kernel.emit(this.#table, entry, { key: keys.keyOf(slot), start, end }, time);
  }
}
