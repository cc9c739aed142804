/**
 * One step over a table of 1,000,000 x 16, batch 256, Adagrad: gathers rows, takes the mean of their products with a fed
 * matrix, and updates the rows. Against the two raw operations on the same rows in a graph written by hand, which takes
 * the fed matrix for the gradient, has no loss, and lets a row that comes twice be updated twice.
 */
import { attr, compileTrainStep, GraphDefBuilder, loadTfjs, NativeSession, type AttrValue, type TensorValue } from '../src/tensorflow/index.js';
import { against, alternate, callRate, type BenchResult } from './harness.js';

const table = { rows: 1_000_000, width: 16 };
const batch = 256;
const rate = 0.1;
const initialAccumulator = 0.1;
const rounds = 15;
const turnMs = 150;

export async function embeddingSteps(): Promise<BenchResult[]> {
  const tf = await loadTfjs();
  const embedding = tf.variable(tf.zeros([table.rows, table.width]));
  const ours = await compileTrainStep(
    (indices: ReturnType<typeof tf.tensor1d>) => tf.gather(embedding, indices),
    (weights, rows) => tf.mean(tf.mul(rows, weights)),
    tf.train.adagrad(rate, initialAccumulator),
  );
  const raw = await rawSteps();
  const weights: TensorValue = { dtype: 'float32', shape: [batch, table.width], data: Float32Array.from({ length: batch * table.width }, Math.random) };
  const indices = Array.from({ length: 64 }, (): TensorValue => ({
    dtype: 'int32',
    shape: [batch],
    data: Int32Array.from({ length: batch }, () => Math.floor(Math.random() * table.rows)),
  }));
  let at = 0;
  const next = (): TensorValue => indices[at++ % indices.length]!;
  const rates = await alternate(
    { ours: () => callRate(() => ours.valuesSync(next(), weights), turnMs), raw: () => callRate(() => raw.sync(next(), weights), turnMs) },
    rounds,
  );
  if (ours.stats.eagerCalls > 0) throw new Error('the embedding step was not traced');
  await raw.close();
  await ours.close();
  embedding.dispose();
  return [against('embedding-to-raw-operations', 'steps/s', rates.ours, rates.raw)];
}

async function rawSteps() {
  const graph = new GraphDefBuilder();
  const float = attr.type('float32');
  const int32 = attr.type('int32');
  const shape = [table.rows, table.width];
  const add = (name: string, op: string, inputs: readonly string[], attrs: Readonly<Record<string, AttrValue>>): string =>
    graph.add({ name, op, inputs, attrs });
  const scalar = (name: string, value: number): string => graph.constant(name, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  graph.constant('shape', { dtype: 'int32', shape: [2], data: Int32Array.from(shape) });
  const init = Object.entries({ table: 0, accumulator: initialAccumulator }).map(([name, value]) => {
    add(name, 'VarHandleOp', [], { dtype: float, shape: attr.shape(shape), shared_name: attr.string(name), container: attr.string('') });
    add(`${name}/fill`, 'Fill', ['shape', scalar(`${name}/value`, value)], { T: float, index_type: int32 });
    return add(`${name}/assign`, 'AssignVariableOp', [name, `${name}/fill`], { dtype: float, validate_shape: attr.bool(false) });
  });
  graph.placeholder('indices', 'int32', [-1]);
  graph.placeholder('gradient', 'float32', [-1, table.width]);
  const gather = { dtype: float, Tindices: int32, batch_dims: attr.int(0), validate_indices: attr.bool(true) };
  add('rows', 'ResourceGather', ['table', 'indices'], gather);
  const inputs = ['table', 'accumulator', scalar('rate', rate), scalar('epsilon', 1e-7), 'gradient', 'indices'];
  const update = { T: float, Tindices: int32, use_locking: attr.bool(false), update_slots: attr.bool(true) };
  add('update', 'ResourceSparseApplyAdagradV2', inputs, update);
  const session = await NativeSession.fromGraphDef(graph.serialize(), { init });
  // The gather must run, and its rows are more than a loss would be to fetch.
  const run = session.prepare(['indices', 'gradient'], [], ['rows', 'update']);
  return { sync: (indices: TensorValue, gradient: TensorValue): TensorValue[] => run.runSync([indices, gradient]), close: () => session.close() };
}
