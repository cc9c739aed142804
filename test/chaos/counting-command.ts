import { join } from 'node:path';
import { root, type Command, type Sandbox } from '../e2e/millrace.js';

/** The command that runs the counting job in a sandbox: output in `out`, faults out of `faults`, a folder that must be there. */
export function countingCommand(sandbox: Sandbox, params: Readonly<Record<string, string | number | boolean>>): string[] {
  const all = { output: sandbox.path('out'), faults: sandbox.path('faults'), ...params };
  return ['run', join(root, 'test/chaos/jobs/counting.ts'), ...Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`])];
}

/** Starts it on Flink: two workers and a parameter server, 1,000 records per second. */
export function startCountingOnFlink(
  sandbox: Sandbox,
  address: string,
  params: { readonly records: number; readonly isolation: 'thread' | 'process'; readonly marks?: string },
  flags: readonly string[] = [],
): Command {
  return sandbox.start(
    ...countingCommand(sandbox, { ...params, rate: 1_000, workers: 2, servers: 1, mode: 'bsp', model: 'counter' }),
    ...['--checkpoint-every', '300 ms', '--engine', 'flink', '--address', address, '--json', ...flags],
  );
}
