import { t } from 'millrace';

/** A flight as it travels through the topic, in JSON; `id` counts them. */
export const flight = { id: t.int32(), date: t.timestamp(), delay: t.int32(), distance: t.int32(), origin: t.string(), destination: t.string() };

export const topics = { flights: 'flights', predictions: 'predictions', bad: 'flights-bad' } as const;
