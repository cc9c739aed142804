import { attr, GraphDefBuilder, NativeSession, type SavedModelContents, type TensorDtype, type TensorValue } from '../../../../src/tensorflow/index.js';

export const f32 = (shape: readonly number[], ...data: number[]): TensorValue => ({ dtype: 'float32', shape, data: new Float32Array(data) });
export const i64 = (shape: readonly number[], ...data: bigint[]): TensorValue => ({ dtype: 'int64', shape, data: new BigInt64Array(data) });
export const text = (shape: readonly number[], ...data: string[]): TensorValue => ({ dtype: 'string', shape, data });

/** A graph with variables, as a trace will make it: each variable with a handle, a read and an initial value. */
export class ModelGraph extends GraphDefBuilder {
  readonly variables: { key: string; handle: string; sharedName: string; dtype: TensorDtype; shape: readonly number[] }[] = [];
  readonly #init: string[] = [];

  /** Returns the name of what reads the variable. */
  variable(name: string, initial: TensorValue): string {
    const { dtype, shape } = initial;
    const T = attr.type(dtype);
    const attrs = { dtype: T, shape: attr.shape(shape), shared_name: attr.string(name), container: attr.string('') };
    this.add({ name, op: 'VarHandleOp', attrs });
    this.constant(`${name}/initial`, initial);
    this.#init.push(this.add({ name: `${name}/init`, op: 'AssignVariableOp', inputs: [name, `${name}/initial`], attrs: { dtype: T } }));
    this.variables.push({ key: name, handle: name, sharedName: name, dtype, shape });
    return this.add({ name: `${name}/read`, op: 'ReadVariableOp', inputs: [name], attrs: { dtype: T } });
  }

  open(): Promise<NativeSession> {
    return NativeSession.fromGraphDef(this.serialize(), { init: this.#init });
  }
}

export interface ExportedModel {
  readonly graph: ModelGraph;
  readonly contents: SavedModelContents;
}

/** x float32 [batch, 2] -> y = sigmoid(x @ dense/kernel + dense/bias) float32 [batch, 1]; two variables; `tick` is not exported. */
export function denseModel(kernel = [10, 1], bias = -3): ExportedModel {
  const graph = new ModelGraph();
  const T = attr.type('float32');
  graph.placeholder('x', 'float32', [-1, 2]);
  graph.variable('dense/kernel', f32([2, 1], ...kernel));
  graph.variable('dense/bias', f32([1], bias));
  graph.add({ name: 'dense/matmul', op: 'MatMul', inputs: ['x', 'dense/kernel/read'], attrs: { T } });
  graph.add({ name: 'dense/add', op: 'BiasAdd', inputs: ['dense/matmul', 'dense/bias/read'], attrs: { T } });
  graph.add({ name: 'dense/sigmoid', op: 'Sigmoid', inputs: ['dense/add'], attrs: { T } });
  const variables = [...graph.variables];
  graph.variable('tick', i64([], 0n));
  const x = { name: 'x', tensor: 'x', dtype: 'float32', shape: [-1, 2] } as const;
  const y = { name: 'y', tensor: 'dense/sigmoid', dtype: 'float32', shape: [-1, 1] } as const;
  return { graph, contents: { graph: graph.toGraphDef(), variables, signatures: [{ name: 'serving_default', inputs: [x], outputs: [y] }] } };
}

/**
 * Several inputs, dtypes and signatures over shared variables:
 *
 *     serving_default: word string [batch], id int64 [batch], x float32 [batch, 2]
 *                      -> greeting string [batch], far int64 [batch], scaled float32 [batch, 2]
 *     negate:          id int64 [batch] -> id int64 [batch], same int64 [batch] (the input), offset int64 []
 */
export function mixedModel(): ExportedModel {
  const graph = new ModelGraph();
  graph.placeholder('word', 'string', [-1]);
  graph.placeholder('id', 'int64', [-1]);
  graph.placeholder('x', 'float32', [-1, 2]);
  graph.variable('greeting', text([], 'a greeting that is longer than twenty-two bytes to '));
  graph.variable('offset', i64([], -(2n ** 40n)));
  graph.variable('scale', f32([2], 0.5, -2));
  graph.add({ name: 'join', op: 'StringJoin', inputs: ['greeting/read', 'word'], attrs: { N: attr.int(2), separator: attr.string('') } });
  graph.add({ name: 'far', op: 'AddV2', inputs: ['id', 'offset/read'], attrs: { T: attr.type('int64') } });
  graph.add({ name: 'scaled', op: 'Mul', inputs: ['x', 'scale/read'], attrs: { T: attr.type('float32') } });
  graph.add({ name: 'negated', op: 'Neg', inputs: ['id'], attrs: { T: attr.type('int64') } });
  const id = { name: 'id', tensor: 'id:0', dtype: 'int64', shape: [-1] } as const;
  const signatures: SavedModelContents['signatures'] = [
    {
      name: 'serving_default',
      inputs: [{ name: 'word', tensor: 'word', dtype: 'string', shape: [-1] }, id, { name: 'x', tensor: 'x', dtype: 'float32', shape: [-1, 2] }],
      outputs: [
        { name: 'greeting', tensor: 'join', dtype: 'string', shape: [-1] },
        { name: 'far', tensor: 'far', dtype: 'int64', shape: [-1] },
        { name: 'scaled', tensor: 'scaled', dtype: 'float32', shape: [-1, 2] },
      ],
    },
    {
      name: 'negate',
      inputs: [id],
      outputs: [
        { name: 'id', tensor: 'negated', dtype: 'int64', shape: [-1] },
        { name: 'same', tensor: 'id', dtype: 'int64', shape: [-1] },
        { name: 'offset', tensor: 'offset/read', dtype: 'int64', shape: [] },
      ],
    },
  ];
  return { graph, contents: { graph: graph.toGraphDef(), variables: graph.variables, signatures } };
}

/** x float32 [...] -> twice float32 [...], without variables. */
export function plainModel(): ExportedModel {
  const graph = new ModelGraph();
  graph.placeholder('x', 'float32', undefined);
  graph.add({ name: 'twice', op: 'AddV2', inputs: ['x', 'x'], attrs: { T: attr.type('float32') } });
  const inputs = [{ name: 'x', tensor: 'x', dtype: 'float32', shape: undefined }] as const;
  const outputs = [{ name: 'twice', tensor: 'twice', dtype: 'float32', shape: undefined }] as const;
  return { graph, contents: { graph: graph.toGraphDef(), variables: [], signatures: [{ name: 'serving_default', inputs, outputs }] } };
}
