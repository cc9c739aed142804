import { MillraceError } from '../../core/errors.js';
import type { LogicalGraph } from '../../stream/graph.js';

/** A change of parallelism by uid, role or operator name, as an override. @throws OPTION_INVALID naming what there is */
export function checkScale(graph: LogicalGraph, operatorOrRole: string, parallelism: number, keyGroups: number): Readonly<Record<string, number>> {
  const byKey = graph.nodes.filter((node) => node.uid === operatorOrRole || node.role === operatorOrRole);
  const found = byKey.length > 0 ? byKey : graph.nodes.filter((node) => node.name === operatorOrRole);
  if (found.length === 0) {
    const known = [...new Set(graph.nodes.map((node) => node.role ?? node.uid))].join(', ');
    throw new MillraceError('OPTION_INVALID', `scale: no operator or role '${operatorOrRole}'; there are ${known}`, { details: { name: operatorOrRole } });
  }
  const limit = found.reduce((least, node) => Math.min(least, node.maxParallelism ?? keyGroups), keyGroups);
  if (!Number.isInteger(parallelism) || parallelism < 1 || parallelism > limit) {
    throw new MillraceError('OPTION_INVALID', `scale: parallelism of '${operatorOrRole}' must be a whole number from 1 to ${limit} (got ${parallelism})`, {
      details: { name: operatorOrRole, value: parallelism, limit },
    });
  }
  return Object.fromEntries((byKey.length > 0 ? [operatorOrRole] : found.map((node) => node.uid)).map((key) => [key, parallelism]));
}
