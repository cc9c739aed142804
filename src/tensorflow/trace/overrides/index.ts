import type { Tfjs } from '../../model/tfjs-types.js';
import { installNativeGradients } from './native-gradients.js';
import { installTileGradient } from './tile-gradient.js';

/** Puts gradients that suit graphs into tfjs's registries until the returned function is called. */
export function installOverrides(tf: Tfjs): () => void {
  const undo = [installNativeGradients(tf), installTileGradient(tf)];
  return () => {
    for (const each of undo) each();
  };
}
