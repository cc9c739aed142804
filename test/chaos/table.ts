import { faultNames, media, type ChaosCase } from './cases.js';
import type { ChaosResult } from './run-case.js';

export type Outcome = ChaosResult | { readonly case: ChaosCase; readonly error: Error };

const shapes = [1, 2, 3].flatMap((workers) => [1, 2].map((servers) => ({ workers, servers })));

/** Runs by cell: a row for each fault, medium and mode; a column for each number of workers + parameter servers; `!` failed. */
export function cellTable(outcomes: readonly Outcome[]): string {
  const lines = [row('fault', '', '', [...shapes.map(({ workers, servers }) => `${workers}+${servers}`), 'runs', 'hits', 'restarts', 'of a node', 'failed'])];
  for (const fault of faultNames) {
    for (const through of media) {
      for (const mode of ['bsp', 'asp'] as const) {
        const mine = outcomes.filter(({ case: chaos }) => chaos.fault === fault && chaos.through === through && chaos.mode === mode);
        if (mine.length === 0) continue;
        const cells = shapes.map(({ workers, servers }) => {
          const cell = mine.filter(({ case: chaos }) => chaos.workers === workers && chaos.servers === servers);
          return cell.length === 0 ? '.' : `${cell.length}${'!'.repeat(failures(cell).length)}`;
        });
        const sums = [mine.length, sum(mine, 'hits'), sum(mine, 'restarts'), sum(mine, 'nodeRestarts'), failures(mine).length];
        lines.push(row(fault, through, mode, [...cells, ...sums.map((n, i) => String(n).padStart([4, 4, 8, 9, 6][i]!))]));
      }
    }
  }
  return lines.join('\n');
}

export function failures(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter((outcome) => 'error' in outcome);
}

function sum(outcomes: readonly Outcome[], of: 'hits' | 'restarts' | 'nodeRestarts'): number {
  return outcomes.reduce((so, outcome) => so + ('error' in outcome ? 0 : outcome[of]), 0);
}

function row(fault: string, through: string, mode: string, cells: readonly string[]): string {
  return `${fault.padEnd(34)} ${through.padEnd(5)} ${mode.padEnd(3)} ${cells.map((cell) => cell.padStart(Math.max(4, cell.length))).join(' ')}`;
}
