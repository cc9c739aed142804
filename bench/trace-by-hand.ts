/** The MLP of bench/trace.ts as somebody who knows TensorFlow's kernels writes it: forward pass, gradients, Adam. */
import { attr, GraphDefBuilder, NativeSession, type AttrValue, type TensorValue } from '../src/tensorflow/index.js';

const layers = [
  [64, 256],
  [256, 128],
  [128, 1],
] as const;
const float = attr.type('float32');
const T = { T: float };

export async function openByHand() {
  const graph = new GraphDefBuilder();
  const add = (name: string, op: string, inputs: readonly string[], attrs: Readonly<Record<string, AttrValue>> = T): string =>
    graph.add({ name, op, inputs, attrs });
  const scalar = (name: string, value: number): string => graph.constant(name, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  const init: string[] = [];
  const variable = (name: string, shape: readonly number[], values: Float32Array): void => {
    add(name, 'VarHandleOp', [], { dtype: float, shape: attr.shape(shape), shared_name: attr.string(name), container: attr.string('') });
    graph.constant(`${name}/init`, { dtype: 'float32', shape, data: values });
    init.push(add(`${name}/assign`, 'AssignVariableOp', [name, `${name}/init`], { dtype: float, validate_shape: attr.bool(false) }));
    add(`${name}/read`, 'ReadVariableOp', [name], { dtype: float });
  };
  layers.forEach(([inputs, outputs], i) => {
    const deviation = Math.sqrt(6 / (inputs + outputs));
    const size = inputs * outputs;
    for (const [name, shape, values] of [
      [`w${i}`, [inputs, outputs], Float32Array.from({ length: size }, () => (2 * Math.random() - 1) * deviation)],
      [`b${i}`, [outputs], new Float32Array(outputs)],
    ] as const) {
      variable(name, shape, values);
      variable(`${name}m`, shape, new Float32Array(values.length));
      variable(`${name}v`, shape, new Float32Array(values.length));
    }
  });
  variable('power1', [], Float32Array.of(0.9));
  variable('power2', [], Float32Array.of(0.999));
  graph.placeholder('x', 'float32', [-1, 64]);
  graph.placeholder('y', 'float32', [-1, 1]);
  const matmul = (name: string, a: string, b: string, transposeA: boolean, transposeB: boolean): string =>
    add(name, 'MatMul', [a, b], { ...T, transpose_a: attr.bool(transposeA), transpose_b: attr.bool(transposeB) });
  const dense = (i: number, x: string): string => add(`z${i}`, 'BiasAdd', [matmul(`p${i}`, x, `w${i}/read`, false, false), `b${i}/read`]);
  add('h0', 'Relu', [dense(0, 'x')]);
  add('h1', 'Relu', [dense(1, 'h0')]);
  dense(2, 'h1');
  // mean(softplus(z) - z y); its gradient is (sigmoid(z) - y) / n.
  graph.constant('axes', { dtype: 'int32', shape: [2], data: Int32Array.of(0, 1) });
  add('loss', 'Mean', [add('losses', 'Sub', [add('soft', 'Softplus', ['z2']), add('zy', 'Mul', ['z2', 'y'])]), 'axes'], {
    ...T,
    Tidx: attr.type('int32'),
    keep_dims: attr.bool(false),
  });
  add('n', 'Size', ['y'], { ...T, out_type: attr.type('int32') });
  add('nf', 'Cast', ['n'], { SrcT: attr.type('int32'), DstT: float, Truncate: attr.bool(false) });
  add('d2', 'RealDiv', [add('e', 'Sub', [add('s', 'Sigmoid', ['z2']), 'y']), 'nf']);
  add('d1', 'ReluGrad', [matmul('dh1', 'd2', 'w2/read', false, true), 'h1']);
  add('d0', 'ReluGrad', [matmul('dh0', 'd1', 'w1/read', false, true), 'h0']);
  for (const [name, value] of Object.entries({ rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 })) scalar(name, value);
  const updates = layers.flatMap((_, i) => {
    const x = i === 0 ? 'x' : `h${i - 1}`;
    const gradients = { w: matmul(`gw${i}`, x, `d${i}`, true, false), b: add(`gb${i}`, 'BiasAddGrad', [`d${i}`]) };
    return Object.entries(gradients).map(([kind, gradient]) => {
      const name = `${kind}${i}`;
      const inputs = [name, `${name}m`, `${name}v`, 'power1/read', 'power2/read', 'rate', 'beta1', 'beta2', 'epsilon', gradient];
      return add(`${name}/update`, 'ResourceApplyAdam', inputs, { ...T, use_locking: attr.bool(false), use_nesterov: attr.bool(false) });
    });
  });
  const after = updates.map((name) => `^${name}`);
  for (const i of [1, 2]) {
    const next = add(`next${i}`, 'Mul', [`power${i}/read`, `beta${i}`]);
    updates.push(add(`power${i}/update`, 'AssignVariableOp', [`power${i}`, next, ...after], { dtype: float, validate_shape: attr.bool(false) }));
  }
  const session = await NativeSession.fromGraphDef(graph.serialize(), { init });
  const run = session.prepare(['x', 'y'], ['loss'], updates);
  return {
    sync: (x: TensorValue, y: TensorValue): TensorValue => run.runSync([x, y])[0]!,
    async: async (x: TensorValue, y: TensorValue): Promise<TensorValue> => (await run.run([x, y]))[0]!,
    close: () => session.close(),
  };
}
