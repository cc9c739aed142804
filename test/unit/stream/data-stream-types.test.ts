import assert from 'node:assert/strict';
import { test } from 'node:test';
import { t } from '../../../src/memory/schema.js';
import { bool, buildGraph, defineJob, float32, int32, param, string, vector, type DataStream, type SinkConnector } from '../../../src/stream/index.js';
import { emptySink, emptySource } from './test-connectors.js';

/** True where A and B are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function same<A, B>(answer: Same<A, B>): void {
  assert.equal(answer, true);
}

/** `rowsAre<{ n: number }>()(stream, true)` compiles where the stream's rows are exactly these. */
function rowsAre<E>(): <R>(stream: DataStream<R>, answer: Same<R, E>) => void {
  return (_, answer) => {
    assert.equal(answer, true);
  };
}

const flight = { date: t.timestamp(), delay: t.int32(), origin: t.string(), note: t.nullable(t.string()) };
interface Flight {
  date: Date;
  delay: number;
  origin: string;
  note: string | null;
}

/** Compiles what the job says; the assertions are the compiler's. */
function compiles(build: (flights: DataStream<Flight>) => void): void {
  buildGraph(
    defineJob({
      name: 'types',
      build: ({ source }) => {
        build(source(emptySource(flight), { time: 'date' }));
      },
    }),
    {},
  );
}

test('with adds columns with their types, and replaces those of the same name', () => {
  compiles((flights) => {
    const more = flights.with({ hour: int32((f) => f.date.getUTCHours()), late: bool((f) => f.delay > 15), delay: string((f) => `${f.delay} min`) });
    rowsAre<{ date: Date; origin: string; note: string | null; hour: number; late: boolean; delay: string }>()(more, true);
    const nullable = flights.with({ length: int32.nullable((f) => f.note?.length ?? null), x: vector(2, (f) => [f.delay, 0]) });
    rowsAre<{ length: number | null; x: Float32Array }>()(nullable.select('length', 'x'), true);
    // @ts-expect-error no such column
    flights.with({ x: float32((f) => f.nope) });
    // @ts-expect-error the function gives text, the column is a number
    flights.with({ x: float32((f) => f.origin) });
    // @ts-expect-error null needs .nullable
    flights.with({ x: string((f) => f.note) });
    // @ts-expect-error a bare function has no dtype
    assert.throws(() => flights.with({ x: (f: Flight) => f.delay }), { code: 'OPTION_INVALID' });
  });
});

test('map gives what its function or its schema says', () => {
  compiles((flights) => {
    const plain = flights.map((f) => ({ n: f.delay, who: f.origin }));
    rowsAre<{ n: number; who: string }>()(plain, true);
    const typed = flights.map({ n: t.int32(), at: t.timestamp() }, (f) => ({ n: f.delay, at: f.date }));
    rowsAre<{ n: number; at: Date }>()(typed, true);
    // @ts-expect-error no such field
    flights.map((f) => f.nope);
    // @ts-expect-error `at` is missing
    flights.map({ n: t.int32(), at: t.timestamp() }, (f) => ({ n: f.delay }));
    // @ts-expect-error n is a number
    flights.map({ n: t.int32() }, (f) => ({ n: f.origin }));
    // @ts-expect-error unknown option
    flights.map((f) => f.delay, { onEror: 'fail' });
  });
});

test('flatMap gives the elements', () => {
  compiles((flights) => {
    const letters = flights.flatMap((f) => f.origin.split('-').map((letter) => ({ letter })));
    rowsAre<{ letter: string }>()(letters, true);
    const typed = flights.flatMap({ letter: t.string() }, function* (f) {
      for (const letter of f.origin) yield { letter };
    });
    rowsAre<{ letter: string }>()(typed, true);
    // @ts-expect-error not a list
    flights.flatMap((f) => f.delay);
  });
});

test('filter narrows by a type guard and else keeps the type', () => {
  compiles((flights) => {
    const late = flights.filter((f) => f.delay > 15);
    rowsAre<Flight>()(late, true);
    const noted = flights.filter((f): f is Flight & { note: string } => f.note !== null);
    rowsAre<{ note: string }>()(noted.select('note'), true);
    // @ts-expect-error a predicate gives a boolean
    flights.filter((f) => f.delay);
  });
});

test('select keeps the named columns', () => {
  compiles((flights) => {
    const two = flights.select('delay', 'origin');
    rowsAre<{ delay: number; origin: string }>()(two, true);
    // @ts-expect-error no such column
    flights.select('nope');
  });
});

test('union takes streams of one record type', () => {
  compiles((flights) => {
    const both = flights.union(
      flights,
      flights.filter((f) => f.delay > 0),
    );
    rowsAre<Flight>()(both, true);
    // @ts-expect-error another record type
    flights.select('delay').union(flights.select('origin'));
  });
});

test('keyBy takes columns that can be keys, or a function that gives one', () => {
  compiles((flights) => {
    flights.keyBy('origin');
    flights.keyBy(['origin', 'delay']);
    flights.keyBy((f) => f.origin.length);
    flights.keyBy((f) => [f.origin, f.delay] as const);
    // @ts-expect-error no such column
    flights.keyBy('nope');
    // @ts-expect-error an object is no key
    flights.keyBy((f) => ({ origin: f.origin }));
    // @ts-expect-error a vector is no key
    flights.with({ v: vector(2, () => [0, 0]) }).keyBy('v');
  });
});

test('a sink takes streams that have at least what it needs', () => {
  compiles((flights) => {
    const anything: SinkConnector<unknown> = emptySink();
    const delays: SinkConnector<{ delay: number }> = emptySink();
    flights.to(anything);
    flights.to(delays);
    // @ts-expect-error delay is missing
    flights.select('origin').to(delays);
  });
});

test('a source takes its event time from a time column or a function', () => {
  buildGraph(
    defineJob({
      name: 'types',
      build: ({ source }) => {
        source(emptySource(flight), { time: 'delay', name: 'by number' });
        source(emptySource(flight), { time: (f) => f.date });
        // @ts-expect-error text is no time
        source(emptySource(flight), { time: 'origin' });
        // @ts-expect-error no such field
        source(emptySource(flight), { time: (f) => f.nope });
      },
    }),
    {},
  );
});

test('parameters have the types of their declarations', () => {
  const job = defineJob({
    name: 'types',
    params: { input: t.string(), workers: param(t.int32(), { default: 2 }), since: t.nullable(t.timestamp()) },
    build: ({ params }) => {
      same<typeof params.workers, number>(true);
      same<typeof params.since, Date | null>(true);
      // @ts-expect-error no such parameter
      assert.equal(params.nope, undefined);
    },
  });
  buildGraph(job, { input: 'x' });
  // @ts-expect-error a default of the wrong type
  param(t.int32(), { default: 'two' });
});
