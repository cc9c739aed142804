import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attr, GraphDefBuilder } from '../../../src/tensorflow/saved-model/index.js';
import { SavedModel, type TensorInfo } from '../../../src/tensorflow/saved-model/generated/tensorflow.js';

const float = (name: string, shape: readonly number[]): TensorInfo => ({
  encoding: { $case: 'name', value: name },
  dtype: 1,
  tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })), unknownRank: false },
});

/** Writes a SavedModel without variables: `sum` [batch] of the three values of `x` [batch, 3], and `doubled` [batch, 3]. */
export async function writeSumModel(): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  const graph = new GraphDefBuilder();
  const T = attr.type('float32');
  graph.placeholder('x', 'float32', [-1, 3]);
  graph.constant('axis', { dtype: 'int32', shape: [1], data: Int32Array.of(1) });
  graph.add({ name: 'sum', op: 'Sum', inputs: ['x', 'axis'], attrs: { T, Tidx: attr.type('int32'), keep_dims: attr.bool(false) } });
  graph.add({ name: 'doubled', op: 'AddV2', inputs: ['x', 'x'], attrs: { T } });
  const signature = {
    inputs: { x: float('x:0', [-1, 3]) },
    outputs: { sum: float('sum:0', [-1]), doubled: float('doubled:0', [-1, 3]) },
    methodName: 'tensorflow/serving/predict',
  };
  const metaInfoDef = { tags: ['serve'], tensorflowVersion: '2.21.0' };
  const metaGraph = { metaInfoDef, graphDef: graph.toGraphDef(), saverDef: undefined, collectionDef: {}, signatureDef: { serving_default: signature } };
  const dir = await mkdtemp(join(tmpdir(), 'millrace-sum-'));
  await writeFile(join(dir, 'saved_model.pb'), SavedModel.encode({ savedModelSchemaVersion: 1n, metaGraphs: [metaGraph] }).finish());
  return { dir, remove: () => rm(dir, { recursive: true }) };
}
