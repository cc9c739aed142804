import { bool, float32, float64, int32, parquet, t, valueState, type DataStream, type Infer, type StreamEnvironment } from 'millrace';
import { addFlight, createLandedWindow, landedCount, lateMinutes, lateShare, meanDelay, moveTo } from './landed-window.js';

/** The columns of the file. Times are local to the airport of departure. */
const file = { date: t.timestamp(), delay: t.int32(), distance: t.int32(), origin: t.string(), destination: t.string() };

const flight = { ...file, late: t.bool(), landedAt: t.float64(), slot: t.int32(), weekday: t.int32() };
const withOrigin = { ...flight, originDelay: t.float32(), originLanded: t.float32() };
const withDestination = { ...withOrigin, destinationDelay: t.float32(), destinationLanded: t.float32() };
const withRoute = { ...withDestination, routeDelay: t.float32(), routeLateShare: t.float32(), routeLanded: t.float32() };

/** A flight with its features: all of them known when it departs. */
export type FeaturedFlight = Infer<typeof withRoute>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const slotMinutes = 20;
export const slotsOfDay = (24 * 60) / slotMinutes;

/** The flights of the file in time order, with calendar and landing time. */
export function readFlights(env: StreamEnvironment, path: string): DataStream<Infer<typeof flight>> {
  return env.source(parquet(path, file), { name: 'flights', time: 'date', batchRows: 4096 }).with({
    late: bool((f) => f.delay > lateMinutes),
    // The outcome of a flight is known when it lands: its air time at 7.5 miles a minute, half an hour on the ground, its delay.
    landedAt: float64((f) => f.date.getTime() + (f.distance / 7.5 + 30 + f.delay) * minuteMs),
    slot: int32((f) => Math.floor((f.date.getUTCHours() * 60 + f.date.getUTCMinutes()) / slotMinutes)),
    weekday: int32((f) => f.date.getUTCDay()),
  });
}

/**
 * Adds what the past says, each from landed flights only: the last 3 hours at origin and at destination, and the last
 * 28 days of the same route at the same time of day.
 */
export function addHistory(flights: DataStream<Infer<typeof flight>>): DataStream<FeaturedFlight> {
  return flights
    .keyBy('origin')
    .process(withOrigin, {
      state: { landed: valueState(createLandedWindow) },
      process(f, { state, emit }) {
        const window = state.landed.value;
        moveTo(window, f.date.getTime(), 3 * hourMs);
        emit({ ...f, originDelay: meanDelay(window), originLanded: landedCount(window) });
        addFlight(window, f.landedAt, f.delay);
      },
    })
    .keyBy('destination')
    .process(withDestination, {
      state: { landed: valueState(createLandedWindow) },
      process(f, { state, emit }) {
        const window = state.landed.value;
        moveTo(window, f.date.getTime(), 3 * hourMs);
        emit({ ...f, destinationDelay: meanDelay(window), destinationLanded: landedCount(window) });
        addFlight(window, f.landedAt, f.delay);
      },
    })
    .keyBy(['origin', 'destination', 'slot'])
    .process(withRoute, {
      state: { landed: valueState(createLandedWindow) },
      process(f, { state, emit }) {
        const window = state.landed.value;
        moveTo(window, f.date.getTime(), 28 * dayMs);
        emit({ ...f, routeDelay: meanDelay(window), routeLateShare: lateShare(window), routeLanded: landedCount(window) });
        addFlight(window, f.landedAt, f.delay);
      },
    })
    .with({
      // A few hours of delay say no more than two; unclipped they would swamp the rest.
      originDelay: float32((f) => clip(f.originDelay)),
      destinationDelay: float32((f) => clip(f.destinationDelay)),
      routeDelay: float32((f) => clip(f.routeDelay)),
      originLanded: float32((f) => Math.log1p(f.originLanded)),
      destinationLanded: float32((f) => Math.log1p(f.destinationLanded)),
      routeLanded: float32((f) => Math.log1p(f.routeLanded)),
    });
}

function clip(minutes: number): number {
  return Math.min(80, Math.max(-40, minutes));
}
