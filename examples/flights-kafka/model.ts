import { adam, category, concat, defineModel, dense, embedding, numeric, t } from 'millrace';
import { slotsOfDay } from '../flight-delays/flights.js';

/** Will this flight be more than 15 minutes late? By calendar, airports and distance. */
export const lateness = defineModel({
  name: 'lateness',
  inputs: {
    slot: category(slotsOfDay, { dim: 8 }),
    weekday: category(7, { dim: 4 }),
    origin: embedding({ dim: 8, buckets: 2048 }),
    destination: embedding({ dim: 8, buckets: 2048 }),
    distance: numeric({ mean: 700, std: 550 }),
  },
  label: { late: t.bool() },
  build: (columns) => ({ probability: dense(1, 'sigmoid', dense(64, 'relu', concat(Object.values(columns)))) }),
  loss: 'binaryCrossentropy',
  optimizer: adam(2e-3),
});
