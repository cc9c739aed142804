import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MillraceError } from '../../core/index.js';

/** The folder of the installed `@tensorflow/tfjs-node`. @throws SETUP_NEEDED where it is not installed */
export function tfjsNodeFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch (thrown) {
    throw new MillraceError('SETUP_NEEDED', 'the package @tensorflow/tfjs-node is not installed; run: npm install', { cause: thrown });
  }
}

/** Where tfjs-node's loader looks for its binding. */
export function bindingPath(): string {
  return join(tfjsNodeFolder(), 'lib', 'napi-v8', 'tfjs_binding.node');
}

/** The note that setup leaves beside the binding: which library this installation runs on, see manifest.ts. */
export function manifestPath(): string {
  return join(tfjsNodeFolder(), 'lib', 'napi-v8', 'millrace-native.json');
}
