import { MillraceError } from '../../core/errors.js';
import type { JobGraph } from '../../stream/job-graph.js';

/**
 * Flink keeps the state of a chain under the name of its first operator. Where another parallelism fuses or parts operators,
 * that state would be for nobody.
 *
 * @throws UNSUPPORTED naming the chains that would be others
 */
export function checkSameChains(before: Pick<JobGraph, 'vertices'>, after: Pick<JobGraph, 'vertices'>): void {
  const chains = ({ vertices }: Pick<JobGraph, 'vertices'>): ReadonlyMap<string, string> =>
    new Map(vertices.map(({ operators, name }) => [operators.map(({ uid }) => uid).join(' '), name]));
  const [old, made] = [chains(before), chains(after)];
  const missing = (from: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string =>
    [...from].flatMap(([key, name]) => (other.has(key) ? [] : [`[${name}]`])).join(', ');
  const [gone, added] = [missing(old, made), missing(made, old)];
  if (gone === '') return;
  throw new MillraceError(
    'UNSUPPORTED',
    `scale: with this parallelism ${gone} would become ${added}; on Flink a running job keeps its chains, as their state is kept by chain. ` +
      'Choose a parallelism that fuses or parts no operators (see millrace explain)',
    { details: { before: gone, after: added } },
  );
}
