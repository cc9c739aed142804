import { MillraceError } from '../../core/index.js';
import type { CApi, Pointer } from './c-api.js';

/** Names resolved to TF_Output and TF_Operation pointers: what a run needs beside its values. */
export interface RunPlan {
  readonly feedNames: readonly string[];
  readonly fetchNames: readonly string[];
  /** TF_Output[]: 16 bytes each, operation and index. */
  readonly feeds: BigUint64Array;
  readonly fetches: BigUint64Array;
  /** TF_Operation*[] */
  readonly targets: BigUint64Array;
}

/** `name` or `name:i`. */
export function parseTensorName(name: string): { operation: string; index: number } {
  const match = /^(.*):(\d+)$/.exec(name);
  return match === null ? { operation: name, index: 0 } : { operation: match[1] as string, index: Number(match[2]) };
}

/** @throws MODEL_INVALID listing every name that the graph does not have */
export function makeRunPlan(api: CApi, graph: Pointer, feedNames: readonly string[], fetchNames: readonly string[], targetNames: readonly string[]): RunPlan {
  const problems: string[] = [];
  const output =
    (role: string) =>
    (name: string): bigint[] => {
      const { operation, index } = parseTensorName(name);
      const pointer = api.operationByName(graph, operation);
      if (pointer === null) problems.push(`${role} "${name}": the graph has no node "${operation}"`);
      else if (index >= api.operationNumOutputs(pointer)) problems.push(`${role} "${name}": the node has ${api.operationNumOutputs(pointer)} outputs`);
      return [pointer ?? 0n, BigInt(index)];
    };
  const target = (name: string): bigint => {
    const pointer = api.operationByName(graph, name);
    if (pointer === null) problems.push(`target "${name}": the graph has no node of this name`);
    return pointer ?? 0n;
  };
  const plan = {
    feedNames,
    fetchNames,
    feeds: BigUint64Array.from(feedNames.flatMap(output('feed'))),
    fetches: BigUint64Array.from(fetchNames.flatMap(output('fetch'))),
    targets: BigUint64Array.from(targetNames.map(target)),
  };
  if (problems.length > 0) throw new MillraceError('MODEL_INVALID', problems.join('; '), { details: { problems } });
  return plan;
}
