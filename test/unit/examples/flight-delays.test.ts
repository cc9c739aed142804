import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluate } from '../../../examples/flight-delays/evaluation.js';
import { addFlight, createLandedWindow, landedCount, lateShare, meanDelay, moveTo } from '../../../examples/flight-delays/landed-window.js';

const spanMs = 10_000;
// Windows hold whole seconds; a day's times are as large as those of the file.
const someDay = Date.UTC(2001, 0, 1);
const seconds = (min: number, max: number) => fc.integer({ min, max }).map((s) => 1000 * s);
const flight = fc.record({
  departsAt: seconds(0, 100).map((ms) => someDay + ms),
  airMs: seconds(1, 30),
  delay: fc.integer({ min: -20, max: 120 }),
});

test('the features of a flight count exactly the flights that landed within the span before it departs', () => {
  fc.assert(
    fc.property(fc.array(flight, { maxLength: 80 }), (unsorted) => {
      const flights = [...unsorted].sort((a, b) => a.departsAt - b.departsAt);
      const window = createLandedWindow();
      flights.forEach(({ departsAt, airMs, delay }, i) => {
        moveTo(window, departsAt, spanMs);
        const landed = flights.slice(0, i).filter((f) => f.departsAt + f.airMs <= departsAt && f.departsAt + f.airMs > departsAt - spanMs);
        assert.equal(landedCount(window), landed.length);
        if (landed.length > 0) {
          assert.ok(Math.abs(meanDelay(window) - landed.reduce((sum, f) => sum + f.delay, 0) / landed.length) < 1e-9);
          assert.ok(Math.abs(lateShare(window) - landed.filter((f) => f.delay > 15).length / landed.length) < 1e-12);
        }
        addFlight(window, departsAt + airMs, delay);
      });
    }),
  );
});

test('AUC is the share of pairs that are in the right order, ties counting half', () => {
  const example = fc.record({ p: fc.integer({ min: 0, max: 10 }).map((n) => n / 10), late: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(example, { minLength: 2, maxLength: 60 }).filter((all) => all.some(({ late }) => late) && all.some(({ late }) => !late)),
      (examples) => {
        const positives = examples.filter(({ late }) => late);
        const negatives = examples.filter(({ late }) => !late);
        let won = 0;
        for (const a of positives) for (const b of negatives) won += a.p > b.p ? 1 : a.p === b.p ? 0.5 : 0;
        const { auc } = evaluate(
          examples.map(({ p }) => p),
          examples.map(({ late }) => late),
        );
        assert.ok(Math.abs(auc - won / (positives.length * negatives.length)) < 1e-9);
      },
    ),
  );
});
