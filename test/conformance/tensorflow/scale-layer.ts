import type { Layer, Tensor, Tfjs } from '../../../src/tensorflow/model/tfjs-types.js';

/**
 * A layer of one's own: multiplies each value by a weight. Before a layer under test, the gradients of these weights are
 * what that layer passes back to its input.
 */
export function scaleLayer(tf: Tfjs, name: string): Layer {
  class Scale extends tf.layers.Layer {
    static className = 'Scale';
    #weight: { read(): Tensor } | undefined;

    override build(inputShape: (number | null)[]): void {
      this.#weight = this.addWeight('scale', inputShape.slice(1), 'float32', tf.initializers.ones());
      this.built = true;
    }

    override computeOutputShape(inputShape: (number | null)[]): (number | null)[] {
      return [...inputShape];
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.mul(Array.isArray(inputs) ? inputs[0]! : inputs, this.#weight!.read());
    }
  }
  return new Scale({ name });
}
