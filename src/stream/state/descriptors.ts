import { MillraceError } from '../../core/errors.js';

/**
 * What a keyed function keeps for each key, declared up front: `state: { count: valueState(0), recent: listState<number>() }`.
 *
 * Values live as ordinary JavaScript values in the subtask and may be changed in place. At a barrier they are encoded, and come
 * back as the structured clone algorithm would give them, so keep plain data: numbers, strings, bigints, Dates, typed arrays,
 * arrays, objects, Maps and Sets; an instance of a class would come back without its class, and an object that two states of
 * a key hold as two. Cheapest are numbers, strings, arrays of them, and objects of one shape that hold these.
 */
export type StateDescriptor = ValueStateDescriptor<unknown> | ListStateDescriptor<unknown> | MapStateDescriptor<unknown, unknown>;

export type StateDescriptors = Readonly<Record<string, StateDescriptor>>;

export interface ValueStateDescriptor<T> {
  readonly kind: 'value';
  readonly initial: () => T;
}

export interface ListStateDescriptor<T> {
  readonly kind: 'list';
  readonly _type?: T;
}

export interface MapStateDescriptor<K, V> {
  readonly kind: 'map';
  readonly _type?: readonly [K, V];
}

type Primitive = string | number | boolean | bigint | null;
type Widen<T> = T extends number ? number : T extends string ? string : T extends boolean ? boolean : T extends bigint ? bigint : T;

/**
 * One value per key.
 *
 * @param initial what a key without a value has: a primitive, or a function that makes it. What the function makes is
 *   stored when it is first read, so it may be changed in place. Default: undefined.
 * @throws OPTION_INVALID for an object, which all keys would share: give `() => ({ ... })`
 */
export function valueState<T = never>(): ValueStateDescriptor<T | undefined>;
export function valueState<T>(initial: () => T): ValueStateDescriptor<T>;
export function valueState<T extends Primitive>(initial: T): ValueStateDescriptor<Widen<T>>;
export function valueState(initial?: unknown): ValueStateDescriptor<unknown> {
  if (typeof initial === 'object' && initial !== null) {
    throw new MillraceError(
      'OPTION_INVALID',
      'valueState: an object as initial value would be shared by all keys; give a function that makes it: valueState(() => ({ ... }))',
    );
  }
  return { kind: 'value', initial: typeof initial === 'function' ? (initial as () => unknown) : () => initial };
}

/** A list per key. */
export function listState<T>(): ListStateDescriptor<T> {
  return { kind: 'list' };
}

/** A Map per key. */
export function mapState<K, V>(): MapStateDescriptor<K, V> {
  return { kind: 'map' };
}

export interface ValueState<T> {
  value: T;
  /** Back to the initial value. */
  clear(): void;
}

export interface ListState<T> {
  /** The live list; empty where nothing was added. */
  get(): readonly T[];
  add(value: T): void;
  update(values: readonly T[]): void;
  clear(): void;
}

export interface MapState<K, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): boolean;
  entries(): Iterable<[K, V]>;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  readonly size: number;
  clear(): void;
}

/** The handles that a keyed function sees as `ctx.state`. */
export type StateHandles<S extends StateDescriptors> = { readonly [N in keyof S]: StateHandle<S[N]> };

type StateHandle<D> =
  D extends ValueStateDescriptor<infer T>
    ? ValueState<T>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : never;
