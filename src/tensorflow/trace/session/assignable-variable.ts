import { attr, type GraphDefBuilder } from '../../saved-model/index.js';
import type { TensorDtype } from '../../tensor-value.js';
import { addVariable } from '../program/emit.js';

/** A variable of a session by its shared name, its value, and a way to assign it: nodes `v0`, `v0/read`, `v0/value`, `v0/assign`. */
export function addAssignableVariable(
  graph: GraphDefBuilder,
  name: string,
  { dtype, shape }: { readonly dtype: TensorDtype; readonly shape: readonly number[] },
): void {
  addVariable(graph, name, { sharedName: name, dtype, shape });
  graph.placeholder(`${name}/value`, dtype, shape);
  graph.add({
    name: `${name}/assign`,
    op: 'AssignVariableOp',
    inputs: [name, `${name}/value`],
    attrs: { dtype: attr.type(dtype), validate_shape: attr.bool(false) },
  });
}
