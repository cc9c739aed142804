import type { Tensor, Tfjs } from '../../model/tfjs-types.js';

/** The gradient of tile as one sum: tfjs adds slices up one by one, a number of operations that follows the batch size. */
export function installTileGradient(tf: Tfjs): () => void {
  const original = tf.getGradient('Tile');
  tf.registerGradient({
    kernelName: 'Tile',
    inputsToSave: ['x'],
    gradFunc: (dy, saved, attrs) => {
      const [x] = saved as [Tensor];
      const { reps } = attrs as unknown as { readonly reps: readonly number[] };
      const split = x.shape.flatMap((size, axis) => [reps[axis] as number, size]);
      const repeats = x.shape.map((_, axis) => 2 * axis);
      return { x: () => tf.sum(tf.reshape(dy as Tensor, split), repeats) };
    },
  });
  return () => {
    tf.unregisterGradient('Tile');
    if (original !== undefined) tf.registerGradient(original);
  };
}
