import { console, defineJob, param, parquetSink, t } from 'millrace';
import { summary } from './evaluation.js';
import { addHistory, readFlights } from './flights.js';
import { featureSets, lateness } from './model.js';

/**
 * Will this flight be late? Each flight is predicted when it departs and learned when it has landed: no prediction sees
 * an outcome of its future.
 */
export default defineJob({
  name: 'flight-delays',
  params: {
    input: param(t.string(), { default: 'node_modules/vega-datasets/data/flights-3m.parquet', help: 'Parquet file of flights' }),
    output: param(t.string(), { default: 'out/flight-delays', help: 'directory of scores, model and summary.json' }),
    features: param(t.string(), { default: 'days', help: `what a flight is judged by: ${featureSets.join(', ')}` }),
    workers: param(t.int32(), { default: 2, help: 'training workers' }),
    batchSize: param(t.int32(), { default: 512, help: 'flights in a training step of one worker' }),
  },
  build({ env, params }) {
    const flights = addHistory(readFlights(env, params.input));
    const training = flights.train(lateness(params.features), {
      workers: params.workers,
      parameterServers: 1,
      batchSize: params.batchSize,
      labelKnownAt: 'landedAt',
      outputDir: `${params.output}/model`,
    });
    const predictions = training.predictions.select('date', 'origin', 'destination', 'late', 'probability');
    predictions.to(parquetSink(`${params.output}/scores.parquet`));
    predictions.to(
      summary({ path: `${params.output}/summary.json`, lastShare: 0.2, facts: { scores: `${params.output}/scores.parquet`, model: `${params.output}/model` } }),
    );
    training.metrics.to(console({ every: 20 }));
  },
});
