import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetWriteFile } from 'hyparquet-writer';
import { root } from './millrace.js';

export interface Flight {
  readonly date: Date;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

const data = join(root, 'node_modules/vega-datasets/data/flights-3m.parquet');

/** Writes the first flights of the real file: 120,000 are a week of them. */
export async function writeFlights(path: string, count: number): Promise<readonly Flight[]> {
  const file = await asyncBufferFromFile(data);
  const flights = (await parquetReadObjects({ file, compressors, rowEnd: count })) as unknown as Flight[];
  parquetWriteFile({
    filename: path,
    columnData: [
      { name: 'date', data: flights.map((f) => f.date), type: 'TIMESTAMP' },
      { name: 'delay', data: flights.map((f) => f.delay), type: 'INT64' },
      { name: 'distance', data: flights.map((f) => f.distance), type: 'INT64' },
      { name: 'origin', data: flights.map((f) => f.origin), type: 'STRING' },
      { name: 'destination', data: flights.map((f) => f.destination), type: 'STRING' },
    ],
  });
  return flights;
}
