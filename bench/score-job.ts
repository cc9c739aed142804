/** The job of bench/score.ts: ready columns -> score with a model that stays as it is -> scores that nobody reads. */
import { discard } from '../src/connectors/index.js';
import '../src/index.js';
import { t, type Infer } from '../src/memory/index.js';
import { defineJob } from '../src/stream/index.js';
import type { TrainedModel } from '../src/tensorflow/model/index.js';
import { demoLikeModel, demoLikeRows, demoLikeSchema } from './demo-like-model.js';
import { repeated } from './repeated-source.js';

const distinct = 60;

/** Initial weights as the only version there is. */
function unchanging(): TrainedModel<unknown, unknown, { readonly probability: number }> {
  const definition = demoLikeModel();
  return {
    definition: definition as TrainedModel<unknown, unknown, { readonly probability: number }>['definition'],
    versions: {
      open: async () => {
        const session = await definition.openTraining({ seed: 1 });
        const version = { version: 0, step: 0, weights: session.weights(), final: true };
        await session.close();
        return { latest: () => Promise.resolve(version), onVersion: () => undefined, close: () => Promise.resolve() };
      },
    },
  };
}

export default defineJob({
  name: 'bench-score',
  params: { batches: t.int32(), batchSize: t.int32() },
  build({ params, source }) {
    const { batches, batchSize } = params;
    const rows = source<Infer<typeof demoLikeSchema>>(repeated({ schema: demoLikeSchema, make: (i) => demoLikeRows(batchSize, i), distinct, count: batches }));
    rows.score(unchanging(), { batch: { maxSize: batchSize } }).to(discard());
  },
});
