import { bool, defineJob, generator, int32, jsonl, param, t } from 'millrace';

/** Numbers at a rate, keyed, counted: enough to watch, scale, drain and kill. */
export default defineJob({
  name: 'count',
  params: {
    output: t.string(),
    count: param(t.int32(), { default: 1_000 }),
    rate: t.nullable(t.int32()),
    failAt: param(t.int32(), { default: -1 }),
  },
  build({ source, params }) {
    const { count, rate, failAt } = params;
    source(generator({ schema: { n: t.int32() }, count, ...(rate === null ? {} : { rowsPerSecond: rate }), make: (index) => ({ n: index }) }), {
      name: 'numbers',
    })
      .with({
        key: int32((r) => r.n % 10),
        isEven: bool((r) => {
          if (r.n === failAt) throw new Error(`number ${r.n} is not welcome`);
          return r.n % 2 === 0;
        }),
      })
      .keyBy('key')
      .reduce((sum, r) => ({ ...r, n: Math.max(sum.n, r.n) }))
      .to(jsonl(params.output));
  },
});
