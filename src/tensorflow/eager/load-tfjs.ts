import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MillraceError } from '../../core/index.js';
import { bindingPath } from '../library/package-paths.js';
import { processMemory } from '../library/process-memory.js';
import { readManifest } from '../library/manifest.js';
import { preloadTensorFlow } from '../native/preload.js';
import { withThreadLock } from '../library/thread-lock.js';
import { attributeNames } from './attribute-names.js';

/** The module `@tensorflow/tfjs-node`. */
export type Tfjs = typeof import('@tensorflow/tfjs-node');

/** How long one thread waits for others that start tfjs-node before it; a start takes about half a second. */
const startDeadlineMs = 120_000;

let loading: Promise<Tfjs> | undefined;

/**
 * Loads tfjs-node with its native binding, once per thread, one thread after another.
 *
 * @throws SETUP_NEEDED where the binding is missing or does not load; the message names the fix
 */
export function loadTfjs(): Promise<Tfjs> {
  loading ??= start().catch((thrown: unknown) => {
    loading = undefined;
    throw thrown;
  });
  return loading;
}

async function start(): Promise<Tfjs> {
  const path = bindingPath();
  if (!existsSync(path)) throw new MillraceError('SETUP_NEEDED', `tfjs-node has no native binding at ${path}; run: npx millrace setup`, { details: { path } });
  const words = new Int32Array(processMemory('tfjs-start'));
  return withThreadLock(words, { deadlineMs: startDeadlineMs, what: 'starting tfjs-node' }, () => {
    // Where somebody built the binding without our setup, it finds its library by itself.
    if (readManifest() !== undefined) preloadTensorFlow();
    polyfillUtil();
    const tf = requireTfjs(path);
    // Word 1: attribute names are written. Only the holder of the lock reads or sets it.
    if (words[1] === 0) {
      writeAttributeNames(tf);
      words[1] = 1;
    }
    return tf;
  });
}

function requireTfjs(path: string): Tfjs {
  try {
    return createRequire(import.meta.url)('@tensorflow/tfjs-node') as Tfjs;
  } catch (thrown) {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    throw new MillraceError('SETUP_NEEDED', `tfjs-node's native binding ${path} does not load: ${text}; run: npx millrace setup --force`, {
      details: { path },
      cause: thrown,
    });
  }
}

// Node 23 dropped these from util; tfjs-node 4.22.0 still calls them.
function polyfillUtil(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

interface RawBackend {
  readonly binding: {
    readonly TF_ATTR_BOOL: number;
    executeOp(name: string, attributes: readonly { name: string; type: number; value: unknown }[], inputs: readonly number[], outputs: number): unknown;
  };
}

/** Has the binding remember every name now, while this thread is the only one that runs operations. */
function writeAttributeNames(tf: Tfjs): void {
  const { binding } = tf.backend() as unknown as RawBackend;
  const attributes = attributeNames.map((name) => ({ name, type: binding.TF_ATTR_BOOL, value: true }));
  try {
    // The last one has a type that does not exist: the binding stores the names before it and refuses, so nothing runs.
    binding.executeOp('NoOp', [...attributes, { name: 'N', type: -1, value: true }], [], 0);
  } catch {
    // As planned.
  }
}
