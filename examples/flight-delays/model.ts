import { adam, category, concat, defineModel, dense, embedding, numeric, t } from 'millrace';
import { slotsOfDay } from './flights.js';

/** Will this flight be more than 15 minutes late? An embedding network over calendar, airports and recent history. */
export const lateness = defineModel({
  name: 'lateness',
  inputs: {
    slot: category(slotsOfDay, { dim: 8 }),
    weekday: category(7, { dim: 4 }),
    origin: embedding({ dim: 8, buckets: 2048 }),
    destination: embedding({ dim: 8, buckets: 2048 }),
    distance: numeric({ mean: 700, std: 550 }),
    originDelay: numeric({ std: 20 }),
    originLanded: numeric({ std: 3 }),
    destinationDelay: numeric({ std: 20 }),
    destinationLanded: numeric({ std: 3 }),
    routeDelay: numeric({ std: 20 }),
    routeLateShare: numeric(),
    routeLanded: numeric({ std: 2 }),
  },
  label: { late: t.bool() },
  build: (features) => ({
    probability: dense(1, 'sigmoid', dense(64, 'relu', dense(128, 'relu', concat(Object.values(features))))),
  }),
  loss: 'binaryCrossentropy',
  optimizer: adam(2e-3),
});
