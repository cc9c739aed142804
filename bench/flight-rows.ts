/** Rows with the columns that the demo's model reads, ready made, as its operators would hand them to a worker. */
import { batchFromColumns, t, type Infer, type RecordBatch } from '../src/memory/index.js';

export const flightSchema = {
  slot: t.int32(),
  weekday: t.int32(),
  origin: t.string(),
  destination: t.string(),
  distance: t.int32(),
  originDelay: t.float32(),
  originLanded: t.float32(),
  destinationDelay: t.float32(),
  destinationLanded: t.float32(),
  routeDelay: t.float32(),
  routeLateShare: t.float32(),
  routeLanded: t.float32(),
  late: t.bool(),
};

export type FlightRow = Infer<typeof flightSchema>;

const airportCount = 311;

/** Equal seeds give equal rows. Whether a flight is late can be learned from its route. */
export function flightBatch(rows: number, seed: number): RecordBatch<FlightRow> {
  const at = (i: number): number => i + seed * rows;
  const integers = (of: (n: number) => number): Int32Array => Int32Array.from({ length: rows }, (_, i) => of(at(i)));
  const floats = (phase: number, scale: number): Float32Array => Float32Array.from({ length: rows }, (_, i) => Math.sin(at(i) * phase) * scale);
  const airports = (step: number): string[] => Array.from({ length: rows }, (_, i) => `A${(at(i) * step) % airportCount}`);
  return batchFromColumns(flightSchema, {
    slot: integers((n) => n % 72),
    weekday: integers((n) => n % 7),
    origin: airports(7),
    destination: airports(13),
    distance: integers((n) => 100 + ((n * 37) % 2_500)),
    originDelay: floats(0.1, 40),
    originLanded: floats(0.2, 3),
    destinationDelay: floats(0.3, 40),
    destinationLanded: floats(0.4, 3),
    routeDelay: floats(0.5, 40),
    routeLateShare: floats(0.6, 1),
    routeLanded: floats(0.7, 2),
    late: Uint8Array.from({ length: rows }, (_, i) => (Math.sin(at(i) * 0.5) > 0.6 ? 1 : 0)),
  });
}
