/** `npm run bench -- <name> [--json]`: runs one bench; with --json its last line is the result as JSON. */
import { existsSync, readdirSync } from 'node:fs';
import type { Bench, BenchResult } from './harness.js';

const [name, ...flags] = process.argv.slice(2);
const file = new URL(`./${name ?? ''}.js`, import.meta.url);
const isBench = name !== undefined && /^[a-z][a-z0-9-]*$/.test(name) && existsSync(file);
const unknown = flags.filter((flag) => flag !== '--json');

if (!isBench || unknown.length > 0) {
  const names = readdirSync(new URL('.', import.meta.url))
    .filter(
      (entry) =>
        entry.endsWith('.js') &&
        !/^(run|harness)\.js$|^trace-|-(consumer|worker|job|model|loop|rate|rows|source|flights|cpu|command|peers?|turns)\.js$/.test(entry),
    )
    .map((entry) => entry.slice(0, -3));
  console.error(
    unknown.length > 0 ? `unknown flag ${unknown.join(', ')}` : `usage: npm run bench -- <name> [--json], where <name> is one of: ${names.join(', ')}`,
  );
  process.exitCode = 2;
} else {
  const bench = (await import(file.href)) as Bench;
  const results = await bench.run((line) => {
    console.error(line);
  });
  for (const result of results) console.error(format(result));
  if (flags.includes('--json')) console.log(JSON.stringify({ bench: name, results }));
}

function format(result: BenchResult): string {
  const figure = (value: number): string => value.toPrecision(4);
  const compared = result.baseline === undefined ? '' : `, baseline ${figure(result.baseline)}, ratio ${figure(result.ratio ?? NaN)}`;
  const spread = result.spread === undefined ? '' : `, spread ${(result.spread * 100).toFixed(0)} %`;
  return `${result.name}: ${figure(result.value)} ${result.unit}${compared}${spread}`;
}
