import { bool, float32, float64, int32, parquet, t, valueState, type DataStream, type Infer, type StreamEnvironment } from 'millrace';
import { addFlight, createLandedWindow, landedCount, lateMinutes, lateShare, meanDelay, moveTo } from './landed-window.js';

/** The columns of the file. Times are local to the airport of departure. */
const file = { date: t.timestamp(), delay: t.int32(), distance: t.int32(), origin: t.string(), destination: t.string() };

/** A flight with calendar and outcome. */
export type Flight = Infer<typeof file> & { late: boolean; landedAt: number; slot: number; weekday: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
export const slotMinutes = 20;
export const slotsOfDay = (24 * 60) / slotMinutes;

/** The flights of the file in time order, with calendar and landing time. */
export function readFlights(env: StreamEnvironment, path: string): DataStream<Flight> {
  return env
    .source(parquet(path, file), { name: 'flights', time: 'date', batchRows: 4096 })
    .with({
      late: bool((f) => f.delay > lateMinutes),
      // The outcome of a flight is known when it lands: its air time at 7.5 miles a minute, half an hour on the ground, its delay.
      landedAt: float64((f) => f.date.getTime() + (f.distance / 7.5 + 30 + f.delay) * minuteMs),
      slot: int32((f) => Math.floor((f.date.getUTCHours() * 60 + f.date.getUTCMinutes()) / slotMinutes)),
      weekday: int32((f) => f.date.getUTCDay()),
    })
    .as({ name: 'calendar' });
}

/**
 * Adds what the past says, each from landed flights only: the last 3 hours at origin and at destination, and the last
 * 28 days of the same route at the same time of day.
 */
export function addHistory(flights: DataStream<Flight>) {
  return flights
    .keyBy('origin')
    .with(
      { originDelay: t.float32(), originLanded: t.float32() },
      {
        state: { landed: valueState(createLandedWindow) },
        derive(f, { state }) {
          const window = state.landed.value;
          moveTo(window, f.date.getTime(), 3 * hourMs);
          const past = { originDelay: meanDelay(window), originLanded: landedCount(window) };
          addFlight(window, f.landedAt, f.delay);
          return past;
        },
      },
    )
    .as({ name: 'origin history' })
    .keyBy('destination')
    .with(
      { destinationDelay: t.float32(), destinationLanded: t.float32() },
      {
        state: { landed: valueState(createLandedWindow) },
        derive(f, { state }) {
          const window = state.landed.value;
          moveTo(window, f.date.getTime(), 3 * hourMs);
          const past = { destinationDelay: meanDelay(window), destinationLanded: landedCount(window) };
          addFlight(window, f.landedAt, f.delay);
          return past;
        },
      },
    )
    .as({ name: 'destination history' })
    .keyBy(['origin', 'destination', 'slot'])
    .with(
      { routeDelay: t.float32(), routeLateShare: t.float32(), routeLanded: t.float32() },
      {
        state: { landed: valueState(createLandedWindow) },
        derive(f, { state }) {
          const window = state.landed.value;
          moveTo(window, f.date.getTime(), 28 * dayMs);
          const past = { routeDelay: meanDelay(window), routeLateShare: lateShare(window), routeLanded: landedCount(window) };
          addFlight(window, f.landedAt, f.delay);
          return past;
        },
      },
    )
    .as({ name: 'route history' })
    .with({
      // A few hours of delay say no more than two; unclipped they would swamp the rest.
      originDelay: float32((f) => clip(f.originDelay)),
      destinationDelay: float32((f) => clip(f.destinationDelay)),
      routeDelay: float32((f) => clip(f.routeDelay)),
      originLanded: float32((f) => Math.log1p(f.originLanded)),
      destinationLanded: float32((f) => Math.log1p(f.destinationLanded)),
      routeLanded: float32((f) => Math.log1p(f.routeLanded)),
    })
    .as({ name: 'scaling' });
}

function clip(minutes: number): number {
  return Math.min(80, Math.max(-40, minutes));
}
