import { MillraceError } from '../../core/errors.js';
import type { Tensor, Tfjs } from '../model/tfjs-types.js';
import type { TensorValue } from '../tensor-value.js';

/** Something fed to or given by a traced function. */
export type Leaf = Tensor | TensorValue | number | boolean;

/** Leaves, alone or in objects and arrays, nested at will. */
export type Structure = Leaf | readonly Structure[] | { readonly [name: string]: Structure };

/** The same structure with other leaves. */
export type WithLeaves<S, L> = S extends Leaf ? L : S extends object ? { readonly [K in keyof S]: WithLeaves<S[K], L> } : never;

/** What tells tensors from other objects; undefined on a thread without tfjs. */
type TensorClass = Pick<Tfjs, 'Tensor'> | undefined;

export interface NamedLeaf<L = Leaf> {
  /** Keys and positions on the way to it, joined by '/'. */
  readonly name: string;
  readonly leaf: L;
}

/** All leaves of a structure, in order. @throws SHAPE_MISMATCH where it holds something else */
export function flatten(tf: TensorClass, structure: unknown, alone: string, where: string): NamedLeaf[] {
  const leaves: NamedLeaf[] = [];
  const visit = (at: unknown, path: readonly string[]): void => {
    if (isLeaf(tf, at)) leaves.push({ name: path.join('/') || alone, leaf: at });
    else if (Array.isArray(at)) at.forEach((each, i) => visit(each, [...path, String(i)]));
    else if (isPlainObject(at)) for (const [key, each] of Object.entries(at)) visit(each, [...path, key]);
    else throw new MillraceError('SHAPE_MISMATCH', `${where} ${path.join('/') || alone}: ${describe(at)} is no tensor, number, or object or array of those`);
  };
  visit(structure, []);
  return leaves;
}

/** The structure of `like` with these leaves in its places, in order. */
export function unflatten(tf: TensorClass, like: unknown, leaves: readonly unknown[]): unknown {
  let next = 0;
  const visit = (at: unknown): unknown => {
    if (isLeaf(tf, at)) return leaves[next++];
    if (Array.isArray(at)) return at.map(visit);
    return Object.fromEntries(Object.entries(at as object).map(([key, each]) => [key, visit(each)]));
  };
  return visit(like);
}

export function isTensor(tf: Tfjs, at: unknown): at is Tensor {
  return at instanceof tf.Tensor;
}

/** A tensor outside tfjs. */
export function isTensorValue(at: unknown): at is TensorValue {
  return isPlainObject(at) && typeof at['dtype'] === 'string' && Array.isArray(at['shape']) && at['data'] !== undefined;
}

function isLeaf(tf: TensorClass, at: unknown): at is Leaf {
  return typeof at === 'number' || typeof at === 'boolean' || (tf !== undefined && at instanceof tf.Tensor) || isTensorValue(at);
}

function isPlainObject(at: unknown): at is Record<string, unknown> {
  if (typeof at !== 'object' || at === null) return false;
  const prototype: unknown = Object.getPrototypeOf(at);
  return prototype === Object.prototype || prototype === null;
}

function describe(at: unknown): string {
  if (at instanceof Promise) return 'a promise (traced functions are synchronous)';
  if (typeof at === 'object' && at !== null) return `a ${at.constructor?.name ?? 'object'}`;
  return String(at);
}
