import { t, type Infer } from '../../../src/memory/schema.js';

export const rowSchema = {
  id: t.int32(),
  text: t.nullable(t.string()),
  at: t.timestamp(),
  value: t.nullable(t.float64()),
  isEven: t.bool(),
  wide: t.bigint(),
};

export type Row = Infer<typeof rowSchema>;

const texts = ['plain', '', 'a,b', '"quoted"', 'two\nlines', 'zürich', '漢字', null, ' spaces ', '{"json":1}'];

/** The same row for an id in every thread. */
export function rowOf(id: number): Row {
  return {
    id,
    text: texts[id % texts.length] as string | null,
    at: new Date(1e12 + id * 1001),
    value: id % 7 === 0 ? null : id / 8 - 3,
    isEven: id % 2 === 0,
    wide: BigInt(id) * 1_000_000_007n - 2n ** 60n,
  };
}

export const rowsUpTo = (count: number): Row[] => Array.from({ length: count }, (_, id) => rowOf(id));
