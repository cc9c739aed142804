import type { NodeTime } from '../native/index.js';

/** What the nodes of one layer took, in the mean of the runs. */
export interface LayerTime {
  /** `dense_1`; `dense_1, gradients` for what runs backwards; in parentheses what belongs to no layer. */
  readonly layer: string;
  /** Nodes that ran. */
  readonly ops: number;
  /** Sum over its nodes; those that ran at once count each. */
  readonly micros: number;
  /** Of the sum over all layers, 0 to 1. */
  readonly share: number;
}

const gradientScope = 'gradients/';

/**
 * Nodes by the scope of their names, `layer/op` or `gradients/layer/op`; the layer that took longest first. Operations that
 * TensorFlow fuses, such as a product, its bias and its activation, count for the layer of the last one.
 */
export function layerProfile(runs: readonly (readonly NodeTime[])[]): LayerTime[] {
  const sums = new Map<string, { ops: number; micros: number }>();
  let total = 0;
  for (const { node, micros } of runs.flat()) {
    const layer = layerOf(node);
    const sum = sums.get(layer) ?? { ops: 0, micros: 0 };
    sums.set(layer, { ops: sum.ops + 1, micros: sum.micros + micros });
    total += micros;
  }
  return [...sums]
    .map(([layer, { ops, micros }]) => ({ layer, ops: ops / runs.length, micros: micros / runs.length, share: total === 0 ? 0 : micros / total }))
    .sort((a, b) => b.micros - a.micros);
}

function layerOf(node: string): string {
  // What TensorFlow adds to run a graph: _SOURCE, arguments, results.
  if (node.startsWith('_')) return '(runtime)';
  const name = node.replace(/^ConstantFolding\//, '');
  const backwards = name.startsWith(gradientScope);
  const [layer = '', ...rest] = (backwards ? name.slice(gradientScope.length) : name).split('/');
  return `${rest.length === 0 ? '(no layer)' : layer}${backwards ? ', gradients' : ''}`;
}

const columns: readonly { readonly title: string; readonly cell: (row: LayerTime) => string }[] = [
  { title: 'layer', cell: ({ layer }) => layer },
  { title: 'ops', cell: ({ ops }) => (Number.isInteger(ops) ? String(ops) : ops.toFixed(1)) },
  { title: 'time (us)', cell: ({ micros }) => micros.toFixed(1) },
  { title: 'share', cell: ({ share }) => `${(share * 100).toFixed(1)}%` },
];

/** The lines of a table: layer, ops, time, share; the sum in the last line. */
export function formatLayerProfile(rows: readonly LayerTime[]): string[] {
  const sum = (of: (row: LayerTime) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const all = [...rows, { layer: 'all', ops: sum(({ ops }) => ops), micros: sum(({ micros }) => micros), share: sum(({ share }) => share) }];
  const lines = [columns.map(({ title }) => title), ...all.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)));
  return lines.map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '));
}
