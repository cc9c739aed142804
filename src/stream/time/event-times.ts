import { MillraceError } from '../../core/errors.js';
import type { Column, RecordBatch } from '../../memory/batch.js';
import { rowView } from '../../memory/row-view.js';

/** Where a row's event time comes from: a timestamp or number column (ms since the epoch), or a function of the row. */
export type TimeSelector<R = never> = string | ((row: R) => Date | number);

/**
 * Event time of each row, ms since the epoch [length].
 *
 * @param where the operator, for messages
 * @throws RECORD_MALFORMED for a row without a finite time; SCHEMA_MISMATCH for a column that holds no times
 */
export function eventTimesOf(batch: RecordBatch, time: TimeSelector, where: string): Float64Array {
  const times = new Float64Array(batch.length);
  if (typeof time === 'function') {
    const timeOf = time as (row: unknown) => Date | number;
    const rows = rowView(batch);
    for (let i = 0; i < times.length; i++) times[i] = Number(timeOf(rows.at(i)));
  } else if (batch.schema === undefined) {
    for (let i = 0; i < times.length; i++) times[i] = timeValue(batch.row(i)[time]);
  } else {
    readTimes(batch.column(time), times, time, where);
  }
  let bad = -1;
  for (let i = 0; i < times.length && bad < 0; i++) if (!Number.isFinite(times[i])) bad = i;
  if (bad >= 0) {
    const what = typeof time === 'function' ? 'the time function returned no time' : `column '${time}' holds no time`;
    throw new MillraceError('RECORD_MALFORMED', `${where}: ${what} for a record (row ${bad} of its batch); filter such records out first`, {
      details: { operator: where, row: bad },
    });
  }
  return times;
}

function timeValue(value: unknown): number {
  return value instanceof Date || typeof value === 'number' || typeof value === 'bigint' ? Number(value) : NaN;
}

function readTimes(column: Column, times: Float64Array, name: string, where: string): void {
  const { values, field } = column;
  if (!timeDtypes.has(field.dtype)) {
    throw new MillraceError(
      'SCHEMA_MISMATCH',
      `${where}: column '${name}' is ${field.dtype}; event time needs a timestamp, int64, int32, uint32 or float64 column of ms since the epoch`,
    );
  }
  if (values instanceof BigInt64Array) {
    // Two words instead of a bigint per row; Node's machines are little-endian.
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    for (let i = 0; i < times.length; i++) times[i] = (words[2 * i + 1] as number) * 0x1_0000_0000 + ((words[2 * i] as number) >>> 0);
  } else {
    for (let i = 0; i < times.length; i++) times[i] = timeValue(column.get(i));
  }
  if (column.nullCount > 0) for (let i = 0; i < times.length; i++) if (column.isNull(i)) times[i] = NaN;
}

const timeDtypes: ReadonlySet<string> = new Set(['timestamp', 'int64', 'int32', 'uint32', 'float64']);
