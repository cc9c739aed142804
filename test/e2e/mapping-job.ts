import type { Sandbox } from './millrace.js';

export interface MappingJob {
  readonly name: string;
  /** Of a function of `n`, which has `writeFileSync`. */
  readonly body: string;
  /** Default 1. */
  readonly parallelism?: number;
}

/** Arguments that run a job on Flink which reads 1,000 numbers, one each ms, does something to each, and writes them to `out.jsonl`. */
export function mappingJob(sandbox: Sandbox, address: string, { name, body, parallelism = 1 }: MappingJob): string[] {
  const file = sandbox.write(
    `${name}.ts`,
    `import { writeFileSync } from 'node:fs';
     import { defineJob, generator, jsonl, t } from 'millrace';
     export default defineJob({ name: '${name}', build: ({ source }) => {
       source(generator({ schema: { n: t.int32() }, count: 1_000, rowsPerSecond: 1_000, make: (n) => ({ n }) }))
         .map(({ n }) => { ${body} }, { parallelism: ${parallelism} })
         .to(jsonl('${sandbox.path('out.jsonl')}'));
     } });`,
  );
  return ['run', file, '--engine', 'flink', '--address', address];
}
