/**
 * TensorFlow.js without streams: a training step compiled into one native call, the model exported for Python, and scored
 * from its SavedModel. Run: node examples/compile/moons.mjs [directory of the SavedModel]
 */
import { compilePredict, compileTrainStep, exportSavedModel, loadTfjs, openSavedModelPredictor } from 'millrace/tensorflow';

const tf = await loadTfjs();
const dir = process.argv[2] ?? 'out/moons';
const batchSize = 64;

// Two interleaved half circles; the label says which.
function moons(rows) {
  const label = Float32Array.from({ length: rows }, (_, i) => i % 2);
  const points = new Float32Array(2 * rows);
  label.forEach((upper, i) => {
    const angle = Math.random() * Math.PI;
    const noise = () => (Math.random() - 0.5) * 0.2;
    points[2 * i] = (upper ? 1 - Math.cos(angle) : Math.cos(angle)) + noise();
    points[2 * i + 1] = (upper ? 0.5 - Math.sin(angle) : Math.sin(angle)) + noise();
  });
  return { x: tf.tensor2d(points, [rows, 2]), y: tf.tensor2d(label, [rows, 1]) };
}

const model = tf.sequential({
  layers: [
    tf.layers.dense({ units: 32, activation: 'relu', inputShape: [2] }),
    tf.layers.dense({ units: 32, activation: 'relu' }),
    tf.layers.dense({ units: 1, activation: 'sigmoid' }),
  ],
});
const optimizer = tf.train.adam(0.01);
const step = await compileTrainStep(model, 'binaryCrossentropy', optimizer);
const predict = await compilePredict(model);

const steps = 1000;
let loss = 0;
const started = performance.now();
for (let i = 0; i < steps; i++) {
  const { x, y } = moons(batchSize);
  if (i === 700) optimizer.learningRate = 0.001;
  // Asynchronous: timers and servers of this process go on. step.sync() blocks and is a little faster.
  const result = await step(x, y);
  loss = (await result.loss.data())[0];
  tf.dispose([x, y, result]);
}
const seconds = (performance.now() - started) / 1000;

const { x, y } = moons(1000);
const scores = await predict(x);
const accuracy = (await tf.mean(tf.cast(tf.equal(tf.round(scores), y), 'float32')).data())[0];
console.log(`loss ${loss.toFixed(4)}, accuracy ${accuracy.toFixed(3)}, ${Math.round(steps / seconds)} steps/s`);

await exportSavedModel(model, dir, { signatures: { serving_default: { inputs: { point: { dtype: 'float32', shape: [null, 2] } } } } });
const saved = await openSavedModelPredictor(dir);
const points = { dtype: 'float32', shape: [2, 2], data: Float32Array.of(0, 1, 1, -0.5) };
const [[name, { data }]] = Object.entries(await saved.run({ point: points }));
console.log(`${dir}: ${name} of (0, 1) is ${data[0].toFixed(3)}, of (1, -0.5) ${data[1].toFixed(3)}`);

await Promise.all([step.close(), predict.close(), saved.close()]);
