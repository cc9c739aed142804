import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { parquetWriteBuffer } from 'hyparquet-writer';

interface Flight {
  readonly date: Date;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

/** The demo's data. */
export const allFlights = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));

/** Writes the first `count` flights of the demo's data as a Parquet file of their own. */
export async function firstFlights(count: number, path: string): Promise<void> {
  const flights = (await parquetReadObjects({ file: await asyncBufferFromFile(allFlights), compressors, rowEnd: count })) as unknown as Flight[];
  const bytes = parquetWriteBuffer({
    columnData: [
      { name: 'date', data: flights.map(({ date }) => date), type: 'TIMESTAMP' },
      { name: 'delay', data: flights.map(({ delay }) => Number(delay)), type: 'INT32' },
      { name: 'distance', data: flights.map(({ distance }) => Number(distance)), type: 'INT32' },
      { name: 'origin', data: flights.map(({ origin }) => origin), type: 'STRING' },
      { name: 'destination', data: flights.map(({ destination }) => destination), type: 'STRING' },
    ],
  });
  writeFileSync(path, new Uint8Array(bytes));
}
