import { leafOps, type Program } from './program.js';
import { rewrite } from './rewrite.js';

/** The program with what it reads of variables fed: variable `i` becomes input `from + i`. */
export function variablesAsInputs(program: Program, from: number): Program {
  return rewrite(program, [
    ({ op, leaf, outputs }, builder) => (op === leafOps.read ? [builder.value({ op: leafOps.input, leaf: from + leaf, outputs })] : undefined),
  ]);
}
