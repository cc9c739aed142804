import pc from 'picocolors';
import type { JobStatus, OperatorStatus } from '../../stream/engine.js';

/** 1234567 -> '1.23M'; 950 -> '950' */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const steps: [number, string][] = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  for (const [unit, letter] of steps) if (Math.abs(value) >= unit) return `${(value / unit).toPrecision(3)}${letter}`;
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

/** 75_500 -> '1m 16s'; 3_200 -> '3.2s' */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}m ${seconds % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** Event time as people write it; 'end' after the last record, '-' before the first. */
export function formatWatermark(watermark: number | null | undefined): string {
  // JSON has no Infinity: a status that came through the control socket carries null there.
  if (watermark === null || watermark === Infinity) return 'end';
  if (watermark === undefined || watermark === -Infinity) return '-';
  return new Date(watermark).toISOString().slice(0, 16).replace('T', ' ');
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

interface TableColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly cell: (operator: OperatorStatus) => string;
}

const columns: readonly TableColumn[] = [
  { title: 'operator', align: 'left', cell: (o) => (o.role === undefined ? o.name : `${o.name} [${o.role}]`) },
  { title: 'x', align: 'right', cell: (o) => String(o.parallelism) },
  { title: 'in', align: 'right', cell: (o) => formatCount(o.recordsIn) },
  { title: 'out', align: 'right', cell: (o) => formatCount(o.recordsOut) },
  { title: 'rec/s', align: 'right', cell: (o) => formatCount(Math.round(o.recordsPerSecond)) },
  { title: 'busy', align: 'right', cell: (o) => percent(o.busy) },
  { title: 'blocked', align: 'right', cell: (o) => percent(o.backpressured) },
  { title: 'watermark', align: 'left', cell: (o) => formatWatermark(o.watermark) },
];

/** The operators of a job as an aligned table; `width` cuts long names so that no line wraps. */
export function formatOperators(operators: readonly OperatorStatus[], width: number): string[] {
  const rows = operators.map((operator) => columns.map((column) => column.cell(operator)));
  const widths = columns.map((column, i) => Math.max(column.title.length, ...rows.map((row) => row[i]!.length)));
  const others = widths.slice(1).reduce((sum, w) => sum + w + 2, 0);
  widths[0] = Math.max(8, Math.min(widths[0]!, width - others));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => fit(cell, widths[i]!, columns[i]!.align))
      .join('  ')
      .trimEnd();
  return [pc.dim(line(columns.map((column) => column.title))), ...rows.map((row, i) => highlight(operators[i]!, line(row)))];
}

function fit(cell: string, width: number, align: 'left' | 'right'): string {
  const cut = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell;
  return align === 'left' ? cut.padEnd(width) : cut.padStart(width);
}

function highlight(operator: OperatorStatus, line: string): string {
  // The bottleneck is busy itself and blocks others; what is blocked only waits.
  if (operator.busy > 0.9) return pc.yellow(line);
  if (operator.backpressured > 0.5) return pc.dim(line);
  return line;
}

/** What is worth a line of its own: what training and scoring report, and processes. */
export function formatHighlights(operators: readonly OperatorStatus[]): string[] {
  const shown = ['loss', 'examples_per_second', 'step', 'model_version', 'staleness'];
  return operators.flatMap((operator) => {
    const parts = Object.entries(operator.metrics)
      .map(([name, value]) => [name.replace(/^millrace_/, ''), value] as const)
      .filter(([name]) => shown.some((wanted) => name.endsWith(wanted)))
      .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toPrecision(4)}`);
    parts.push(...nodeStates(operator.metrics));
    if (operator.pids !== undefined) parts.push(`${operator.pids.length === 1 ? 'process' : 'processes'} ${operator.pids.join(', ')}`);
    return parts.length === 0 ? [] : [`${operator.role ?? operator.name}: ${parts.join(', ')}`];
  });
}

/** What the application manager knows of its cluster. */
function nodeStates({
  cluster_nodes_expected: expected,
  cluster_nodes_registered: registered,
  cluster_nodes_finished: finished,
}: OperatorStatus['metrics']): string[] {
  return expected === undefined ? [] : [`${registered ?? 0} of ${expected} nodes registered, ${finished ?? 0} finished`];
}

export function formatHeading(status: JobStatus, nowMs: number): string {
  const color = status.state === 'failed' ? pc.red : status.state === 'running' || status.state === 'finished' ? pc.green : pc.yellow;
  const attempt = status.attempt > 0 ? `, deployment ${status.attempt + 1}` : '';
  const regions = (status.regions ?? []).filter(({ state }) => state === 'restarting').map(({ name }) => name);
  const which = regions.length === 0 ? '' : ` (${regions.join(', ')})`;
  return `${pc.bold(status.name)} ${pc.dim(status.id)} ${color(status.state)}${which} ${formatDuration(nowMs - status.startedAtMs)}${attempt}`;
}

/** '2.3 MB' */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toPrecision(3)} ${units[power]!}`;
}
