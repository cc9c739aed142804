import type { StoredVariable } from '../saved-model/stored-variables.js';

/** What is stored under the name that fits a weight: one variable, or several of the same name. */
export interface WeightMatch {
  readonly weight: string;
  readonly stored: readonly StoredVariable[];
}

export interface Matches {
  readonly matches: readonly WeightMatch[];
  readonly problems: readonly string[];
}

/**
 * Finds the stored variable of each weight:
 *
 * 1. the one that `names` says, by name or key;
 * 2. the one of the same name;
 * 3. the one whose path has the parts of the weight's name in their order, the last one last: `rec/kernel` is
 *    `model/rec/lstm_cell/kernel`. A part that tfjs has named by itself (`forward_lstm_LSTM1`) counts without its number.
 *
 * Where several names fit by the third rule, that is a problem, as is a variable that two weights would get.
 */
export function matchWeights(weights: readonly string[], variables: readonly StoredVariable[], names: Readonly<Record<string, string>>): Matches {
  const problems = Object.keys(names)
    .filter((weight) => !weights.includes(weight))
    .map((weight) => `"names" has "${weight}", which is no weight of the model`);
  for (const twice of new Set(weights.filter((weight, i) => weights.indexOf(weight) !== i))) {
    problems.push(`the model has two weights "${twice}": give its layers different names`);
  }
  const matches: WeightMatch[] = [];
  const takenBy = new Map<string, string>();
  for (const weight of new Set(weights)) {
    const found = find(weight, variables, names[weight]);
    if (typeof found === 'string') {
      problems.push(found);
      continue;
    }
    const key = found[0]?.key ?? '';
    const other = takenBy.get(key);
    if (other !== undefined)
      problems.push(`weights "${other}" and "${weight}" both fit the variable "${found[0]?.name ?? ''}"; say in "names" which one is meant`);
    takenBy.set(key, weight);
    matches.push({ weight, stored: found });
  }
  return { matches, problems };
}

function find(weight: string, variables: readonly StoredVariable[], given: string | undefined): readonly StoredVariable[] | string {
  if (given !== undefined) {
    const byName = variables.filter(({ name, key }) => name === given || key === given);
    return byName.length > 0 ? byName : `weight "${weight}": the SavedModel has no variable "${given}"`;
  }
  const same = variables.filter(({ name }) => plain(name) === weight);
  if (same.length > 0) return same;
  const fitting = variables.filter(({ name }) => fits(weight, plain(name)));
  const names = [...new Set(fitting.map(({ name }) => name))];
  if (names.length === 0) return `weight "${weight}": no variable fits`;
  if (names.length > 1) return `weight "${weight}": several variables fit: ${names.map((name) => `"${name}"`).join(', ')}; say in "names" which one is meant`;
  return fitting;
}

/** TensorFlow 1 writes names of tensors. */
function plain(name: string): string {
  return name.replace(/:0$/, '');
}

function fits(weight: string, name: string): boolean {
  const wanted = weight.split('/');
  const parts = name.split('/');
  if (wanted.at(-1) !== parts.at(-1)) return false;
  let next = 0;
  for (const part of parts) {
    const want = wanted[next];
    // The layer's own name was given by somebody; parts inside it may be tfjs's.
    if (want !== undefined && (part === want || (next > 0 && part === want.replace(/_[A-Z][A-Za-z0-9]*\d+$/, '')))) next += 1;
  }
  return next === wanted.length;
}
