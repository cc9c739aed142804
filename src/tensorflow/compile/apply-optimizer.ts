import type { Variable } from '../model/tfjs-types.js';
import { specOf, type ProgramNode, type Value } from '../trace/program/program.js';
import type { TracedProgram } from '../trace/trace-program.js';
import type { FusedOptimizer, UpdatedVariable } from './optimizers/fused-optimizer.js';
import { StepBuilder } from './optimizers/fused-optimizer.js';
import { OptimizerSlots } from './optimizer-slots.js';
import { sparseGradient, uniqueRows } from './sparse-gradient.js';

export interface OptimizerUse {
  readonly optimizer: FusedOptimizer;
  readonly slots: OptimizerSlots;
  /** Variables of the gradients that follow the visible outputs, in order. */
  readonly variables: readonly Variable[];
  /** Which gradients of rows become updates of rows: where that is the same algorithm, also where it is a lazy one, or none. */
  readonly sparse: 'exact' | 'lazy' | 'off';
  /** Whether an update by rows is the same as a dense one. */
  readonly isExactByRows: boolean;
}

/**
 * Turns gradients, the outputs that follow the `visible` ones, into updates of their variables. The learning rate becomes
 * the last input.
 */
export function applyOptimizer(traced: TracedProgram, visible: number, use: OptimizerUse): TracedProgram {
  const { program, inputs, outputs, variables } = traced;
  const { optimizer, slots } = use;
  const step = new StepBuilder(program.nodes, variables, inputs.length);
  const shared = Object.entries(optimizer.shared).map(([name, fill]) => ({ name, number: step.add(slots.shared(name, fill)) }));
  const updates = optimizer.open(step, Object.fromEntries(shared.map(({ name, number }) => [name, step.read(number)])));
  const effects: ProgramNode[] = use.variables.map((variable, i) => {
    const number = variables.indexOf(variable);
    const updated: UpdatedVariable = {
      handle: step.handle(number),
      slots: Object.fromEntries(Object.entries(optimizer.slots).map(([name, fill]) => [name, step.handle(step.add(slots.of(variable, name, fill)))])),
      read: () => step.read(number),
      shape: variable.shape,
    };
    const gradient = program.outputs[visible + i] as Value;
    const rows = use.sparse === 'off' || (use.sparse === 'exact' && !use.isExactByRows) ? undefined : sparseGradient(step, gradient, variable.shape);
    if (rows === undefined) return updates.apply(updated, gradient);
    return updates.applySparse(updated, optimizer.sumsDuplicates === true ? rows : uniqueRows(step, rows));
  });
  for (const { name, number } of shared) {
    const next = updates.next?.[name];
    if (next !== undefined) effects.push(step.assign(number, next));
  }
  const kept = [...program.outputs.slice(0, visible), ...program.outputs.slice(outputs.length)];
  return {
    ...traced,
    program: { nodes: [...program.nodes, ...step.builder.nodes], outputs: kept, effects: [...program.effects, ...effects] },
    inputs: [...inputs, { dtype: 'float32', shape: [] }],
    outputs: kept.slice(0, visible).map(specOf),
    variables: step.variables,
    updated: use.variables.map((variable) => variables.indexOf(variable)),
  };
}
