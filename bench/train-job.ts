/** The jobs of bench/train.ts: ready feature columns -> train -> predictions that nobody reads. */
import { lateness } from '../examples/flight-delays/model.js';
import { discard } from '../src/connectors/index.js';
import '../src/index.js';
import { t } from '../src/memory/index.js';
import { defineJob, param } from '../src/stream/index.js';
import { flightBatch, flightSchema, type FlightRow } from './flight-rows.js';
import { repeated } from './repeated-source.js';

/** Different batches that a source goes round. */
export const distinctBatches = 60;

export default defineJob({
  name: 'bench-train',
  params: { batches: t.int32(), batchSize: t.int32(), workers: t.int32(), parameterServers: t.int32(), isolation: param(t.string(), { default: 'thread' }) },
  build({ params, source }) {
    const { batches, batchSize, workers, parameterServers } = params;
    const rows = source<FlightRow>(repeated({ schema: flightSchema, make: (i) => flightBatch(batchSize, i), distinct: distinctBatches, count: batches }));
    const training = rows.train(lateness('days'), { workers, parameterServers, batchSize, isolation: params.isolation as 'thread' | 'process' });
    training.predictions.to(discard());
  },
});
