import fc from 'fast-check';
import type { Event, Row } from './operator-case.js';

const row: fc.Arbitrary<Row> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'zürich', ''),
  part: fc.option(fc.integer({ min: 0, max: 2 })),
  value: fc.integer({ min: -50, max: 50 }),
  note: fc.option(fc.constantFrom('x', 'né', '')),
  at: fc.integer({ min: 0, max: 300 }).map((ms) => new Date(ms)),
});

export const events: fc.Arbitrary<Event[]> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: row.map((each) => ({ row: each })) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 320 }).map((watermark) => ({ watermark })) },
    ),
    {
      maxLength: 40,
    },
  )
  .map((list) => [...list, { watermark: Infinity }]);

const listLength = 400;

/** Several generated lists one after the other in event time, as one: for runners where a run costs more than its events. */
export function longEvents(seed: number, lists: number): Event[] {
  const sampled = fc.sample(events, { seed, numRuns: lists });
  const later = (ms: number, event: Event): Event =>
    'row' in event ? { row: { ...event.row, at: new Date(event.row.at.getTime() + ms) } } : { watermark: Math.min(event.watermark, listLength - 1) + ms };
  return [...sampled.flatMap((list, i) => list.map((event) => later(i * listLength, event))), { watermark: Infinity }];
}
