import { adam, category, concat, defineModel, dense, embedding, MillraceError, numeric, t } from 'millrace';
import { slotsOfDay } from './flights.js';

const calendar = {
  slot: category(slotsOfDay, { dim: 8 }),
  weekday: category(7, { dim: 4 }),
  origin: embedding({ dim: 8, buckets: 2048 }),
  destination: embedding({ dim: 8, buckets: 2048 }),
  distance: numeric({ mean: 700, std: 550 }),
};

const hours = {
  ...calendar,
  originDelay: numeric({ std: 20 }),
  originLanded: numeric({ std: 3 }),
  destinationDelay: numeric({ std: 20 }),
  destinationLanded: numeric({ std: 3 }),
};

const days = {
  ...hours,
  routeDelay: numeric({ std: 20 }),
  routeLateShare: numeric(),
  routeLanded: numeric({ std: 2 }),
};

const features = { calendar, hours, days };

/** What a flight is judged by: calendar and airports; also the last 3 hours there; also 28 days of its route. */
export const featureSets = Object.keys(features);

/**
 * Will this flight be more than 15 minutes late? An embedding network over calendar, airports and recent history.
 *
 * @param featureSet a name of {@link featureSets}
 */
export function lateness(featureSet: string) {
  if (!Object.hasOwn(features, featureSet))
    throw new MillraceError('PARAM_INVALID', `features: no such set '${featureSet}'; there are ${featureSets.join(', ')}`);
  // The stream has the columns of every set, so the largest one's type is right for each.
  const inputs = features[featureSet as keyof typeof features] as typeof days;
  return defineModel({
    name: 'lateness',
    inputs,
    label: { late: t.bool() },
    build: (columns) => ({
      probability: dense(1, 'sigmoid', dense(64, 'relu', dense(128, 'relu', concat(Object.values(columns))))),
    }),
    loss: 'binaryCrossentropy',
    optimizer: adam(2e-3),
  });
}
