import { MillraceError } from '../../core/errors.js';
import { operatorFacts, type JobCut, type CutState, type OperatorFacts } from '../../stream/checkpoint.js';
import type { JobGraph, JobVertex } from '../../stream/job-graph.js';
import { subtaskOfKeyGroup } from '../../stream/state/key-groups.js';
import type { StateChunk } from '../../stream/subtask.js';
import type { ChainState } from '../runtime/protocol.js';

export function mergeStates(states: readonly ChainState[]): CutState {
  const merged = new Map<string, StateChunk[]>();
  for (const state of states) {
    for (const [uid, chunks] of Object.entries(state)) {
      const all = merged.get(uid) ?? [];
      all.push(...chunks);
      merged.set(uid, all);
    }
  }
  return merged;
}

/**
 * The share of each subtask of a vertex: key groups to their owner, other chunks round robin. An operator that the cut
 * knows has an entry, also where nothing came to the subtask.
 */
export function dealState(state: CutState, vertex: JobVertex, keyGroups: number): ChainState[] {
  const shares = Array.from({ length: vertex.parallelism }, (): Record<string, StateChunk[]> => ({}));
  for (const { uid } of vertex.operators) {
    const chunks = state.get(uid);
    if (chunks === undefined) continue;
    for (const share of shares) share[uid] = [];
    let next = 0;
    for (const chunk of chunks) {
      const target = chunk.keyGroup >= 0 ? subtaskOfKeyGroup(chunk.keyGroup, vertex.parallelism, keyGroups) : next++ % vertex.parallelism;
      shares[target]![uid]!.push(chunk);
    }
  }
  return shares;
}

export interface FittedState {
  readonly state: CutState;
  /** What happened to operators on either side, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Holds a checkpoint against the graph that restores it.
 *
 * @param allowDropped state of operators that are gone, or are of another kind now, is left out instead of refused
 * @throws STATE_MISMATCH listing every operator that does not fit
 */
export function fitState(plan: JobGraph, cut: JobCut & { readonly location: string }, allowDropped: boolean): FittedState {
  const now = new Map(operatorFacts(plan).map((facts) => [facts.uid, facts]));
  const then = new Map(cut.operators.map((facts) => [facts.uid, facts]));
  const isNew = [...now.values()].filter(({ uid }) => !then.has(uid));
  const problems: string[] = [];
  const notes = isNew.map((facts) => `operator ${shown(facts)} is not in the checkpoint and starts without state`);
  const state = new Map<string, readonly StateChunk[]>();
  for (const [uid, chunks] of cut.state) {
    const old = then.get(uid) ?? { uid, name: uid, kind: '?', parallelism: 1 };
    const problem = misfit(old, now.get(uid), isNew);
    if (problem === undefined) state.set(uid, chunks);
    else if (chunks.length > 0 && !allowDropped) problems.push(problem);
    else if (chunks.length > 0) notes.push(`${problem}; its state is dropped`);
  }
  if (cut.keyGroups !== plan.keyGroups && [...state.values()].some((chunks) => chunks.some(({ keyGroup }) => keyGroup >= 0))) {
    problems.push(`the checkpoint has ${cut.keyGroups} key groups, the job has ${plan.keyGroups}; set keyGroups to ${cut.keyGroups}`);
  }
  if (problems.length === 0) return { state, notes };
  throw new MillraceError(
    'STATE_MISMATCH',
    `${cut.location} does not fit job ${cut.job.name}:\n${problems.map((problem) => `  ${problem}\n`).join('')}give operators their uid back, or drop their state with --allow-dropped-state`,
    { details: { location: cut.location, problems } },
  );
}

function misfit(old: OperatorFacts, now: OperatorFacts | undefined, isNew: readonly OperatorFacts[]): string | undefined {
  if (now === undefined) {
    const others = isNew.filter(({ kind }) => kind === old.kind).map(shown);
    return `operator ${shown(old)} has state and is not in the graph${others.length === 0 ? '' : ` (new there: ${others.join(', ')})`}`;
  }
  return now.kind === old.kind ? undefined : `operator ${shown(old)} has state and is of kind ${now.kind} in the graph`;
}

function shown({ uid, name, kind }: OperatorFacts): string {
  return name === uid ? `'${uid}' (${kind})` : `'${uid}' (${kind} '${name}')`;
}
