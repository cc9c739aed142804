import type { ListState, MapState, StateDescriptor, ValueState } from './descriptors.js';

/** The slot that the handles of one subtask look at. */
export interface CurrentSlot {
  slot: number;
}

/** One declared state of one subtask: a value per slot, undefined where the key has none. */
export interface StateCell {
  readonly values: unknown[];
  readonly handle: ValueState<unknown> | ListState<unknown> | MapState<unknown, unknown>;
}

export function createCell(descriptor: StateDescriptor, current: CurrentSlot): StateCell {
  const values: unknown[] = [];
  switch (descriptor.kind) {
    case 'value':
      return { values, handle: new ValueHandle(current, values, descriptor.initial) };
    case 'list':
      return { values, handle: new ListHandle(current, values as unknown[][]) };
    case 'map':
      return { values, handle: new MapHandle(current, values as Map<unknown, unknown>[]) };
  }
}

class ValueHandle implements ValueState<unknown> {
  constructor(
    private readonly current: CurrentSlot,
    private readonly values: unknown[],
    private readonly initial: () => unknown,
  ) {}

  get value(): unknown {
    const { slot } = this.current;
    const held = this.values[slot];
    if (held !== undefined) return held;
    const made = this.initial();
    // An object may be changed in place, so it must be the stored one.
    if (typeof made === 'object' && made !== null) this.values[slot] = made;
    return made;
  }

  set value(value: unknown) {
    this.values[this.current.slot] = value;
  }

  clear(): void {
    this.values[this.current.slot] = undefined;
  }
}

class ListHandle implements ListState<unknown> {
  constructor(
    private readonly current: CurrentSlot,
    private readonly lists: (unknown[] | undefined)[],
  ) {}

  get(): readonly unknown[] {
    return this.lists[this.current.slot] ?? [];
  }

  add(value: unknown): void {
    const list = this.lists[this.current.slot];
    if (list === undefined) this.lists[this.current.slot] = [value];
    else list.push(value);
  }

  update(values: readonly unknown[]): void {
    this.lists[this.current.slot] = values.length === 0 ? undefined : [...values];
  }

  clear(): void {
    this.lists[this.current.slot] = undefined;
  }
}

class MapHandle implements MapState<unknown, unknown> {
  constructor(
    private readonly current: CurrentSlot,
    private readonly maps: (Map<unknown, unknown> | undefined)[],
  ) {}

  get size(): number {
    return this.maps[this.current.slot]?.size ?? 0;
  }

  get(key: unknown): unknown {
    return this.maps[this.current.slot]?.get(key);
  }

  has(key: unknown): boolean {
    return this.maps[this.current.slot]?.has(key) ?? false;
  }

  set(key: unknown, value: unknown): void {
    const map = this.maps[this.current.slot];
    if (map === undefined) this.maps[this.current.slot] = new Map([[key, value]]);
    else map.set(key, value);
  }

  delete(key: unknown): boolean {
    const map = this.maps[this.current.slot];
    if (map === undefined || !map.delete(key)) return false;
    if (map.size === 0) this.clear();
    return true;
  }

  entries(): Iterable<[unknown, unknown]> {
    return this.maps[this.current.slot]?.entries() ?? [];
  }

  keys(): Iterable<unknown> {
    return this.maps[this.current.slot]?.keys() ?? [];
  }

  values(): Iterable<unknown> {
    return this.maps[this.current.slot]?.values() ?? [];
  }

  clear(): void {
    this.maps[this.current.slot] = undefined;
  }
}
